"""A file that another job, in whichever process, fetches at this moment: it is waited for, and its progress shown."""

from __future__ import annotations

from datetime import datetime
from math import inf

import trio

from papin._jobs import JobHandle
from papin._operations._services import Services
from papin._operations._wanted import as_asked
from papin._operations._whole import Report
from papin._registry import OPEN, Read
from papin._transfers import Meter, Received, staging_key
from papin.models import Job, WantedFile
from papin.storages import StorageSession

_SILENCE = 3.0  # seconds without a byte until that is told

OverBefore = frozenset[tuple[str, datetime]]
"""The jobs that were over when another one began, with when they ended: they and that one fetch nothing together."""


def over_now(read: Read) -> OverBefore:
    """Return the jobs that are over."""
    return frozenset(_end_of(job) for job in read.jobs() if job.state not in OPEN)


def _end_of(job: Job) -> tuple[str, datetime]:
    return job.id, job.updated_at


class Elsewhere:
    """Tells `handle` for which job it waits to get `wanted`, and `report` how far that is."""

    def __init__(
        self,
        services: Services,
        storage: StorageSession,
        wanted: WantedFile,
        *,
        handle: JobHandle,
        report: Report,
        over_before: OverBefore,
    ) -> None:
        self._services = services
        self._storage = storage
        self._key = staging_key(wanted)
        self._size = wanted.size
        self._handle = handle
        self._meter = Meter(report, wanted.name, wanted.size)
        self._total: int | None = -1  # as it was shown
        self._done = 0
        self._came_at = inf
        self._over_before = over_before
        self._scope = trio.CancelScope()

    def over(self) -> None:
        """End `watch`: nothing more is told, whatever is being looked at."""
        self._scope.cancel()

    async def watch(self) -> None:
        """Look at each commit of whichever process, until `over`."""
        with self._scope:
            told = False
            while True:
                changed = self._services.jobs.wakeups.next
                other = await self._services.records.read(self._find)
                done = await self._storage.staged(self._key)
                if self._scope.cancel_called:
                    return
                if other is not None:
                    self._handle.wait_for(f"for {other[0].id}, which fetches the same file")
                    # Who finds nobody at it has it before the second look.
                    if told:
                        self._show(done, other[1])
                    told = True
                with trio.move_on_at(self._came_at + _SILENCE):
                    await changed.wait()

    async def learnt(self) -> Received | None:
        """Return what another job made of it that was not over before, when it had to find out its digest."""

        def ask(read: Read) -> Received | None:
            jobs = [job for job in read.jobs() if job.id != self._handle.id and _end_of(job) not in self._over_before]
            came = [as_asked(read.job_request(job.id)).arrived.get(self._key) for job in reversed(jobs)]
            made = (
                Received(sha256=each.sha256, size=each.size, how="download", etag=each.etag) for each in came if each
            )
            return next(made, None)

        return await self._services.records.read(ask)

    def _find(self, read: Read) -> tuple[Job, int | None] | None:
        """Return the job that is at it, rather than another one that waits too, and how many bytes there will be."""
        found = []
        for job in read.jobs():
            if job.state not in OPEN or job.id == self._handle.id:
                continue
            staged = as_asked(read.job_request(job.id)).staged
            if self._key in staged:
                total = job.progress.total if job.progress and len(staged) == 1 else None
                found.append((job, self._size if self._size is not None else total))
        return min(found, key=lambda each: bool(each[0].waiting), default=None)

    def _show(self, done: int, total: int | None) -> None:
        now = trio.current_time()
        if total != self._total:
            self._total = total
            self._meter.enter("downloading", total=total)
        elif done == self._done:
            if now >= self._came_at + _SILENCE:
                self._meter.silence(done, self._came_at)
                self._came_at = inf
            return
        self._done, self._came_at = done, now
        self._meter.show(done)
