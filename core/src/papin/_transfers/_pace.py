"""A limit on how many bytes a second may come, for one transfer or for all of them, changeable while they run."""

from __future__ import annotations

import math

import trio

from papin._transfers._bucket import Bucket, OwnBucket

_PIECE = 0.05  # seconds of the rate that should come at a time
_SMALLEST, _LARGEST = 4 << 10, 1 << 20


class Pace:
    """A limit on trio's clock, `bucket` for what it is of; `within` is one that holds besides, for several together."""

    def __init__(self, rate: float | None = None, *, within: Pace | None = None, bucket: Bucket | None = None) -> None:
        self._rate = rate
        self._within = within
        self._bucket = bucket or OwnBucket()
        self._changed = trio.Event()

    @property
    def rate(self) -> float | None:
        """The bytes a second, or None for no limit. Those who wait are told of a change."""
        return self._rate

    @rate.setter
    def rate(self, rate: float | None) -> None:
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
        if self._rate is not None:
            await self._wait(await self._bucket.draw(count, self._rate))
        if self._within is not None:
            await self._within.take(count)

    async def _wait(self, debt: float) -> None:
        while (rate := self._rate) is not None and debt >= 1:  # the clock cannot tell a part of a byte
            began = trio.current_time()
            with trio.move_on_after(debt / rate if rate else math.inf):
                await self._changed.wait()
            debt -= (trio.current_time() - began) * rate
