"""A limit on how many bytes a second may come, for one transfer or for all of them, changeable while they run."""

from __future__ import annotations

import math

import trio

_BURST = 0.1  # seconds of the rate that may come at once after a pause
_PIECE = 0.05  # seconds of the rate that should come at a time
_SMALLEST, _LARGEST = 4 << 10, 1 << 20


class Pace:
    """A token bucket on trio's clock. `within` is a limit that holds besides, for several of them together."""

    def __init__(self, rate: float | None = None, *, within: Pace | None = None) -> None:
        self._rate = rate
        self._within = within
        self._tokens = 0.0
        self._at: float | None = None
        self._changed = trio.Event()
        self._turn = trio.Lock()

    @property
    def rate(self) -> float | None:
        """The bytes a second, or None for no limit. Those who wait are told of a change."""
        return self._rate

    @rate.setter
    def rate(self, rate: float | None) -> None:
        self._refill()
        self._rate = rate
        self._changed.set()
        self._changed = trio.Event()

    @property
    def piece(self) -> int:
        """How many bytes should be asked for at a time, so that they come evenly."""
        own = _LARGEST if self._rate is None else int(min(_LARGEST, max(_SMALLEST, self._rate * _PIECE)))
        return own if self._within is None else min(own, self._within.piece)

    async def take(self, count: int) -> None:
        """Account for `count` bytes that came, and wait until the next may come. Served in the order of asking."""
        if self._rate is not None or self._turn.locked():
            async with self._turn:
                await self._pay(count)
        if self._within is not None:
            await self._within.take(count)

    async def _pay(self, count: int) -> None:
        self._refill()
        self._tokens -= count
        while self._rate is not None and self._tokens <= -1:  # a part of a byte may be less than the clock can tell
            with trio.move_on_after(-self._tokens / self._rate if self._rate else math.inf):
                await self._changed.wait()
            self._refill()

    def _refill(self) -> None:
        now = trio.current_time()
        if self._rate is None:
            self._tokens = 0.0
        elif self._at is not None:
            self._tokens = min(self._rate * _BURST, self._tokens + (now - self._at) * self._rate)
        self._at = now
