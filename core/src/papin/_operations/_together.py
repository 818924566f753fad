"""Work that several calls need at the same time, done once for all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

import trio

__all__ = ["Together"]

A = TypeVar("A")
R = TypeVar("R")


class _Batch(Generic[A, R]):
    """The calls that wait for one piece of work, and what came of it: nothing where it failed or was cancelled."""

    def __init__(self) -> None:
        self.asked: list[A] = []
        self.done = trio.Event()
        self.result: list[R] = []


class Together(Generic[A, R]):
    """Does `work` for all calls that came while it was being done for others, and for those that begin together.

    It begins after each of the calls did: so what it reads is never older than the call that is answered by it.
    """

    def __init__(self, work: Callable[[Iterable[A]], Awaitable[R]]) -> None:
        self._work = work
        self._turn = trio.Lock()
        self._next: _Batch[A, R] | None = None

    async def ask(self, wanted: Iterable[A]) -> R:
        """Return what `work` makes of everything that those that ask together want.

        Raises what `work` raises, for the one that has it done; the others have it done again.
        """
        wanted = tuple(wanted)
        while True:
            if self._next is None:
                return await self._lead(wanted)
            batch = self._next
            batch.asked += wanted
            await batch.done.wait()
            if batch.result:
                return batch.result[0]

    async def _lead(self, wanted: Iterable[A]) -> R:
        batch = self._next = _Batch()
        batch.asked += wanted
        try:
            async with self._turn:  # which lets all that are ready begin before it is taken
                self._next = None
                result = await self._work(batch.asked)
                batch.result.append(result)
                return result
        finally:
            if self._next is batch:
                self._next = None
            batch.done.set()
