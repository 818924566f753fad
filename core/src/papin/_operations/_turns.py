"""When a download may run: at its hours, in its turn, at its pace, and not before the server wants it back."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import trio

from papin._jobs import JobHandle, Ledger, Wakeups
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

    def __init__(
        self,
        line: Line,
        limits: Limits,
        records: Ledger,
        wakeups: Wakeups,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._line = line
        self._limits = limits
        self._records = records
        self._wakeups = wakeups
        self._clock = clock

    async def run(self, job: Job, handle: JobHandle, fetch: Callable[[Pace], Awaitable[T]], hours: str = "") -> T:
        """Return `await fetch(pace)`; it is cancelled when the hours of the job end, and begun again when they come.

        `hours` are those of a job that has none of its own; those may be changed at any time.
        """
        while True:
            between = await self._between(job.id)
            own = parse_hours(between or hours)
            if own is not None and not own.is_open(self._clock()):
                await self._wait_open(job.id, between, handle, own)
                continue
            async with self._line.stand(job, lambda: handle.wait_for("for other downloads to end")):
                handle.wait_for("")
                try:
                    with trio.move_on_after(self._left(own)):
                        fetched = await self._at_pace(job, between, fetch)
                        if fetched:
                            return fetched[0]
                    continue
                except TooManyRequests as error:
                    deferred = _deferral(error)
            await self._defer(handle, deferred)

    async def _between(self, job_id: str) -> str:
        return await self._records.read(lambda read: read.job(job_id).between)

    async def _changed(self, job_id: str, between: str) -> None:
        """Wait until other hours than `between` are recorded for the job."""
        while True:
            changed = self._wakeups.next
            if await self._between(job_id) != between:
                return
            await changed.wait()

    def _left(self, hours: Hours | None) -> float:
        if hours is None:
            return float("inf")
        now = self._clock()
        return hours.closes_in(now) if hours.is_open(now) else 0.0

    async def _wait_open(self, job_id: str, between: str, handle: JobHandle, hours: Hours) -> None:
        left = hours.opens_in(self._clock())
        until = self._clock() + left
        handle.wait_for(f"until {self._time(until)}", _moment(until))
        with trio.move_on_after(min(_LONGEST, left)):
            await self._changed(job_id, between)

    def _time(self, stamp: float) -> str:
        """Return a time of the next 24 hours as people say it."""
        then, now = datetime.fromtimestamp(stamp).astimezone(), datetime.fromtimestamp(self._clock()).astimezone()
        return f"{then:%H:%M}" if then.date() == now.date() else f"{then:%H:%M} tomorrow"

    async def _defer(self, handle: JobHandle, seconds: float) -> None:
        until, enough = self._clock() + seconds, trio.current_time() + seconds
        # By whichever clock it is over first: one may be set back, the other stands while the machine sleeps.
        while (left := min(until - self._clock(), enough - trio.current_time())) > 0:
            handle.wait_for(f"for the server, until {self._time(until)}", _moment(until))
            await trio.sleep(min(_LONGEST, left))

    async def _at_pace(self, job: Job, between: str, fetch: Callable[[Pace], Awaitable[T]]) -> list[T]:
        """Return what was fetched, or nothing when the hours of the job were changed meanwhile."""
        fetched: list[T] = []
        denied: TooManyRequests | None = None
        with self._limits.pace(job.id, job.limit) as pace:
            await self._limits.refresh()
            async with trio.open_nursery() as nursery:

                async def stop_when_changed() -> None:
                    await self._changed(job.id, between)
                    nursery.cancel_scope.cancel()

                nursery.start_soon(self._limits.follow)
                nursery.start_soon(stop_when_changed)
                try:
                    fetched.append(await fetch(pace))
                except TooManyRequests as error:
                    denied = error
                nursery.cancel_scope.cancel()
        if denied is not None:
            raise denied
        return fetched


def _moment(stamp: float) -> datetime:
    return datetime.fromtimestamp(round(stamp), UTC)


def _deferral(error: TooManyRequests) -> float:
    """Return the seconds that the server wants us to stay away, if it said so and that is no more than a day."""
    if error.wait is None or error.wait > _MOST_DEFERRED:
        raise error
    return error.wait
