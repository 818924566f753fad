"""Follows a router's event stream for a session: tells what happens there, and wakes those who wait for something."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio

from papin.errors import LoadFailed, PapinError
from papin.events import Event, ModelLoaded, ModelLoadFailed, ModelLoading, ModelUnloaded
from papin_llamacpp._servers.server import Server
from papin_llamacpp._servers.wire import Change, parse_change

__all__ = ["Watch"]

# The events are hints: whoever waits looks for himself now and then, as for an older router, which sends none.
_LOOK_EVERY = 0.5


class Watch:
    """One event stream at most, from the first use of a router on until it breaks or the session ends.

    What somebody asks of a provider is told by who asks: changes of a model that this session is `asked` for are not
    published, and neither is what is known already, for the router repeats itself.
    """

    def __init__(self, server: Server, name: str, publish: Callable[[Event], None], nursery: trio.Nursery) -> None:
        self._server = server
        self._name = name
        self._publish = publish
        self._nursery = nursery
        self._is_running = False
        self.is_following = False
        """Whether the stream is open, so that nothing is missed."""
        self._changed = trio.Event()
        self._asked: set[str] = set()
        self._known: dict[str, str] = {}
        self.downloads: dict[str, tuple[int, int]] = {}
        """Bytes done and in all of what the router fetches, by its names."""
        self.ended: dict[str, str] = {}
        """How downloads ended: `finished` or `failed`."""
        self.ids: dict[str, str] = {}
        """Papin's id of a model by the router's name for it, as far as this session was told."""

    def start(self) -> None:
        """Begin to follow, unless that is done already."""
        if not self._is_running:
            self._is_running = True
            self._nursery.start_soon(self._follow)

    @contextmanager
    def asked(self, reference: str, for_what: str) -> Iterator[None]:
        """Keep quiet about `reference` in here, and afterwards about its being what was asked for."""
        self._asked.add(reference)
        try:
            yield
            self._known[reference] = for_what
        finally:
            self._asked.discard(reference)

    async def wait_change(self) -> None:
        """Wait until something may have changed."""
        with trio.move_on_after(_LOOK_EVERY):
            await self._changed.wait()

    async def _follow(self) -> None:
        try:
            async with self._server.events() as lines:
                if lines is not None:
                    self.is_following = True
                    async for line in lines:
                        self._tell(parse_change(line))
                    self._lose()
        except PapinError:
            # It is gone, or was never there: the next use of it finds out and says so.
            self._lose()
        finally:
            self._is_running = self.is_following = False

    def _lose(self) -> None:
        """Tell that what was in memory is not any more, because the router is gone that had it."""
        for reference, state in self._known.items():
            if state == "loaded":
                self._known[reference] = "unloaded"
                model = self.ids.get(reference, reference)
                self._publish(ModelUnloaded(model=model, provider=self._name, reason="gone"))
        self._wake()

    def _tell(self, change: Change | None) -> None:
        if change is None:
            return
        if change.what == "progress":
            self.downloads[change.model] = change.bytes
        if change.what in {"finished", "broken"}:
            self.ended[change.model] = "finished" if change.what == "finished" else "failed"
        self._wake()
        event = self._event(change)
        is_new, self._known[change.model] = self._known.get(change.model) != change.what, change.what
        if event is not None and is_new and change.model not in self._asked:
            self._publish(event)

    def _wake(self) -> None:
        changed, self._changed = self._changed, trio.Event()
        changed.set()

    def _event(self, change: Change) -> Event | None:
        model = self.ids.get(change.model, change.model)
        if change.what == "loading":
            return ModelLoading(model=model, provider=self._name)
        if change.what == "loaded":
            return ModelLoaded(model=model, provider=self._name)
        if change.what == "failed":
            return ModelLoadFailed(model=model, provider=self._name, problem=failure(model, change.exit_code).problem())
        if change.what in {"unloaded", "sleeping"}:
            reason = "idle" if change.what == "sleeping" else "asked"
            return ModelUnloaded(model=model, provider=self._name, reason=reason)
        return None


def failure(model: str, exit_code: int | None) -> LoadFailed:
    """Return the error for a model whose process ended by itself."""
    how = "" if exit_code is None else f" with status {exit_code}"
    return LoadFailed(
        f"the llama-server that should run {model} ended{how}",
        next_step="The router's own log says why. papin models verify tells whether the files are whole.",
    )
