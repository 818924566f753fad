from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import trio

from papin.errors import NotFound, PapinError, PluginFailed, Problem, from_problem
from papin.events import Event, PluginProblem

OPEN_WITHIN = 30.0
"""Seconds that a descriptor may take to open."""

CLOSE_WITHIN = 3.0
"""Seconds that a session may take to close, whatever else is being cancelled."""

_log = logging.getLogger("papin.plugins")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opener:
    """How to open a session, and the plugin that it is from."""

    plugin: str
    open: Callable[[], AbstractAsyncContextManager[Any]]


class _Session:
    """One descriptor, from the first use to the end: its task, its value, and what went wrong."""

    def __init__(self, name: str, opener: Opener) -> None:
        self.name = name
        self.opener = opener
        self.value: Any = None
        self.live = False
        self.started = False
        self.error: PapinError | None = None
        self.settled = trio.Event()
        self.stop = trio.Event()
        self.scope = trio.CancelScope(shield=True)

    def fail(self, error: PapinError) -> None:
        self.value, self.live, self.error = None, False, error
        self.settled.set()

    def end(self) -> None:
        """Ask the task to close, within its bound."""
        self.stop.set()
        self.scope.deadline = min(self.scope.deadline, trio.current_time() + CLOSE_WITHIN)


class Sessions:
    """The sessions of a kernel, by name; each is opened by its first user, in a task of its own."""

    def __init__(self, nursery: trio.Nursery, openers: Mapping[str, Opener], publish: Callable[[Event], None]) -> None:
        self._nursery = nursery
        self._publish = publish
        self._sessions = {name: _Session(name, opener) for name, opener in openers.items()}
        self._closing = False

    def add(self, name: str, opener: Opener) -> None:
        """Let the session `name` be opened from now on."""
        self._sessions[name] = _Session(name, opener)

    def remove(self, name: str) -> None:
        """Ask the session `name` to close, and let nobody open it again."""
        session = self._sessions.pop(name, None)
        if session is not None:
            session.end()

    async def use(self, name: str) -> Any:
        """Return the session `name`, opening it if nobody has before.

        One that failed to open with an expected error is tried again; one that crashed is not.

        Raises:
            NotFound: there is no such descriptor.
            PapinError: what its opening raised.
            PluginFailed: it crashed, was too slow, or papin is closing.
        """
        session = self._sessions.get(name)
        if session is None:
            raise NotFound(f"No installed plugin has {name}", next_step="papin plugins list shows what there is.")
        if self._closing:
            raise _closing(name)
        if session.error is not None and not isinstance(session.error, PluginFailed):
            session = self._sessions[name] = _Session(name, session.opener)
        if not session.started:
            session.started = True
            self._nursery.start_soon(self._hold, session, name=f"session {name}")
        await session.settled.wait()
        if session.error is not None:
            raise from_problem(session.error.problem()) from session.error
        if self._closing:
            raise _closing(name)
        return session.value

    def problem(self, name: str) -> Problem | None:
        """Return what is wrong with the session `name`, or None."""
        session = self._sessions.get(name)
        return session.error.problem() if session is not None and session.error is not None else None

    def live(self) -> tuple[str, ...]:
        """Return the names of the sessions that are open."""
        return tuple(name for name, session in self._sessions.items() if session.live)

    @contextmanager
    def guard(self, name: str) -> Iterator[None]:
        """Turn what a call of the session `name` raises unexpectedly into `PluginFailed`, told of as an event.

        For calls of a plugin whose failing must not be that of everything, as in a list of all providers.
        """
        session = self._sessions[name]  # which may be removed before this ends
        try:
            yield
        except (PapinError, trio.Cancelled):
            raise
        except Exception as error:
            failed = _crash(session, "failed", error)
            self._publish(PluginProblem(plugin=session.opener.plugin, problem=failed.problem()))
            raise failed from error

    def close(self) -> None:
        """Ask all sessions to close; the nursery waits for them, but not for long."""
        self._closing = True
        for session in self._sessions.values():
            session.end()

    async def _hold(self, session: _Session) -> None:
        """Keep a session open until it is to end; whatever it raises ends here, except Ctrl-C."""
        session.scope.deadline = trio.current_time() + OPEN_WITHIN
        try:
            with session.scope:
                await self._run(session)
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except PapinError as error:
            self._tell(session, error, error)
        except BaseException as error:
            if _interrupted(error):
                raise
            self._tell(session, _crash(session, "crashed", error), error)
        if session.scope.cancelled_caught:
            self._tell(session, _slow(session), None)
        session.live = False
        if not session.settled.is_set():
            session.fail(_closing(session.name))

    async def _run(self, session: _Session) -> None:
        if session.stop.is_set():
            return
        manager = session.opener.open()
        if not hasattr(manager, "__aenter__"):
            if hasattr(manager, "close"):
                manager.close()
            raise TypeError(f"open gave a {type(manager).__name__}; it must be an asynccontextmanager function")
        async with manager as value:
            session.value, session.live = value, True
            if not session.stop.is_set():
                session.scope.deadline = math.inf
            session.settled.set()
            await session.stop.wait()

    def _tell(self, session: _Session, error: PapinError, cause: BaseException | None) -> PapinError:
        if cause is not None and cause is not error:
            error.__cause__ = cause
            _log.debug("%s of plugin %s", session.name, session.opener.plugin, exc_info=cause)
        session.fail(error)
        self._publish(PluginProblem(plugin=session.opener.plugin, problem=error.problem()))
        return error


@asynccontextmanager
async def hold_sessions(openers: Mapping[str, Opener], publish: Callable[[Event], None]) -> AsyncIterator[Sessions]:
    """Hold sessions for as long as the context is open; leaving it closes them all at once, in bounded time."""
    async with trio.open_nursery() as nursery:
        sessions = Sessions(nursery, openers, publish)
        try:
            yield sessions
        finally:
            sessions.close()


def _crash(session: _Session, verb: str, error: BaseException) -> PluginFailed:
    causes = error.exceptions if isinstance(error, BaseExceptionGroup) else (error,)
    said = "; ".join(f"{type(cause).__name__}: {cause}"[:300] for cause in causes)
    return PluginFailed(f"{session.name} of plugin {session.opener.plugin} {verb}: {said}", next_step=_step(session))


def _slow(session: _Session) -> PluginFailed:
    verb, bound = ("close", CLOSE_WITHIN) if session.stop.is_set() else ("open", OPEN_WITHIN)
    message = f"{session.name} of plugin {session.opener.plugin} did not {verb} within {bound:g} s"
    return PluginFailed(message, next_step=_step(session))


def _closing(name: str) -> PluginFailed:
    return PluginFailed(f"{name} is closing", next_step="Start the command again.")


def _step(session: _Session) -> str:
    return f"Start papin again; if that does not help: papin config set disabled_plugins {session.opener.plugin}"


def _interrupted(error: BaseException) -> bool:
    return isinstance(error, BaseExceptionGroup) and error.subgroup((KeyboardInterrupt, GeneratorExit)) is not None
