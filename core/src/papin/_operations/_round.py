"""Several providers asked at once: none waits for another, and all are done within a bound."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import trio

from papin._operations._services import Services
from papin.errors import ProviderFailed
from papin.providers import ProviderSession

__all__ = ["Round"]

_BOUND = 2.0
"""Seconds that a provider may take to tell what it is asked."""

_OPENING = 4.0
"""Seconds that all sessions together may take to open, besides that: their modules are imported then."""


class Round:
    """Asks each of `names` once. Each is asked as soon as it is open, and heard until `_BOUND` after all of them are.

    An import lets everything wait, so that the time of those that are asked already does not run before the last one.
    """

    def __init__(self, services: Services, names: Iterable[str]) -> None:
        self._services = services
        self._opening = set(names)
        self._opened_by = trio.current_time() + _OPENING
        self._asked: set[trio.CancelScope] = set()

    @asynccontextmanager
    async def asking(self, name: str) -> AsyncIterator[ProviderSession]:
        """Give the session of `name`; a bug of it is its own failure.

        Raises:
            PapinError: it cannot be opened.
            ProviderFailed: it took too long.
        """
        session = await self._open(name)
        with trio.CancelScope() as scope:
            self._asked.add(scope)
            self._set_deadlines()
            try:
                with self._services.sessions.guard(f"provider {name}"):
                    yield session
            finally:
                self._asked.discard(scope)
        if scope.cancelled_caught:
            raise _too_slow(name, "answer", _BOUND)

    async def _open(self, name: str) -> ProviderSession:
        try:
            with trio.CancelScope(deadline=self._opened_by):
                return await self._services.provider(name)
        finally:
            self._opening.discard(name)
            self._set_deadlines()
        raise _too_slow(name, "open", _OPENING)

    def _set_deadlines(self) -> None:
        if not self._opening:
            deadline = trio.current_time() + _BOUND
            for scope in self._asked:
                scope.deadline = min(scope.deadline, deadline)


def _too_slow(name: str, verb: str, bound: float) -> ProviderFailed:
    return ProviderFailed(
        f"{name} did not {verb} within {bound:g} s",
        next_step=f"See whether it answers: papin providers show {name}. What it had last is still listed.",
    )
