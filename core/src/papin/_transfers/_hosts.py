"""How many connections this process has to each host: never more than is polite, however many transfers there are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import trio

from papin._transfers._lanes import MOST


class Hosts:
    """Hands out connections to hosts, at most `most` at a time for each."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._limiters: dict[str, trio.CapacityLimiter] = {}

    def _of(self, host: str) -> trio.CapacityLimiter:
        return self._limiters.setdefault(host, trio.CapacityLimiter(self._most))

    def is_wanted(self, host: str) -> bool:
        """Tell whether somebody waits for a connection to `host`, so that whoever has several should end one."""
        return self._of(host).statistics().tasks_waiting > 0

    @asynccontextmanager
    async def one(self, host: str) -> AsyncIterator[None]:
        """Hold the first connection of a transfer, which is waited for."""
        holder = object()
        limiter = self._of(host)
        await limiter.acquire_on_behalf_of(holder)
        try:
            yield
        finally:
            limiter.release_on_behalf_of(holder)

    @contextmanager
    def one_more(self, host: str) -> Iterator[bool]:
        """Hold another connection if there is one to be had; gives whether there was."""
        holder = object()
        limiter = self._of(host)
        try:
            limiter.acquire_on_behalf_of_nowait(holder)
        except trio.WouldBlock:
            yield False
            return
        try:
            yield True
        finally:
            limiter.release_on_behalf_of(holder)
