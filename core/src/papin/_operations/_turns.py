"""When a download may run: at its hours, in its turn, at its pace, and not before the server wants it back."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import trio

from papin._jobs import JobHandle
from papin._operations._hours import Hours, parse_hours
from papin._operations._limits import Limits
from papin._operations._line import Line
from papin._transfers import Pace
from papin.errors import TooManyRequests
from papin.models import Job

T = TypeVar("T")

# A machine that slept does not count it as time, so that the clock on the wall is looked at now and then.
_LONGEST = 600.0
_MOST_DEFERRED = 86400.0


class Turns:
    """Runs downloads when they may; meanwhile their jobs say what they wait for. `clock` is the time since 1970."""

    def __init__(self, line: Line, limits: Limits, *, clock: Callable[[], float] = time.time) -> None:
        self._line = line
        self._limits = limits
        self._clock = clock

    async def run(self, job: Job, handle: JobHandle, fetch: Callable[[Pace], Awaitable[T]], hours: str = "") -> T:
        """Return `await fetch(pace)`; it is cancelled when the hours of the job end, and begun again when they come.

        `hours` are those of a job that has none of its own.
        """
        own = parse_hours(job.between or hours)
        while True:
            if own is not None:
                await self._wait_open(handle, own)
            async with self._line.stand(job, lambda: handle.wait_for("for other downloads to end")):
                handle.wait_for("")
                try:
                    with trio.move_on_after(self._left(own)):
                        return await self._at_pace(job, fetch)
                    continue
                except TooManyRequests as error:
                    deferred = _deferral(error)
            await self._defer(handle, deferred)

    def _left(self, hours: Hours | None) -> float:
        if hours is None:
            return float("inf")
        now = self._clock()
        return hours.closes_in(now) if hours.is_open(now) else 0.0

    async def _wait_open(self, handle: JobHandle, hours: Hours) -> None:
        while not hours.is_open(self._clock()):
            left = hours.opens_in(self._clock())
            handle.wait_for(f"until {hours.opens:%H:%M}", _moment(self._clock() + left))
            await trio.sleep(min(_LONGEST, left))

    async def _defer(self, handle: JobHandle, seconds: float) -> None:
        until, enough = self._clock() + seconds, trio.current_time() + seconds
        text = f"for the server, until {_moment(until).astimezone():%H:%M}"
        # By whichever clock it is over first: one may be set back, the other stands while the machine sleeps.
        while (left := min(until - self._clock(), enough - trio.current_time())) > 0:
            handle.wait_for(text, _moment(until))
            await trio.sleep(min(_LONGEST, left))

    async def _at_pace(self, job: Job, fetch: Callable[[Pace], Awaitable[T]]) -> T:
        with self._limits.pace(job.id, job.limit) as pace:
            await self._limits.refresh()
            fetched: list[T] = []
            denied: TooManyRequests | None = None
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._limits.follow)
                try:
                    fetched.append(await fetch(pace))
                except TooManyRequests as error:
                    denied = error
                nursery.cancel_scope.cancel()
            if denied is not None:
                raise denied
            return fetched[0]


def _moment(stamp: float) -> datetime:
    return datetime.fromtimestamp(round(stamp), UTC)


def _deferral(error: TooManyRequests) -> float:
    """Return the seconds that the server wants us to stay away, if it said so and that is no more than a day."""
    if error.wait is None or error.wait > _MOST_DEFERRED:
        raise error
    return error.wait
