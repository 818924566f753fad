"""Starting, ending, resuming and following jobs, across processes."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec
import trio

from papin._jobs._endings import Cancelled, Completed, Ending, Interrupted, Paused, ended, event_of, failed
from papin._jobs._handle import JobHandle
from papin._jobs._ledger import Ledger, Publishes
from papin._jobs._recorder import Recorder
from papin._jobs._watch import JobLocks, Wakeups, busy
from papin._registry import Registry, Write, is_alive, this_process, wait_gone
from papin.errors import PapinError
from papin.events import DownloadQueued, DownloadResumed
from papin.models import Job

Body = Callable[[JobHandle], Awaitable[str]]
"""What a job does; it returns the id of the model."""

_OPEN = ("queued", "running")


@dataclass(slots=True)
class _Running:
    handle: JobHandle
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    over: trio.Event = field(default_factory=trio.Event)
    wish: Ending = field(default_factory=Cancelled)

    def end(self, wish: Ending) -> None:
        """Have it end so; the first wish counts."""
        if not self.scope.cancel_called:
            self.wish = wish
            self.scope.cancel()


def _now() -> datetime:
    return datetime.now(UTC)


class Jobs:
    """The jobs of this process, and the records of those of all processes.

    `nursery` is where they live, and cancelling it interrupts them; `run` is papin's per-boot folder. `recover` comes
    first.
    """

    def __init__(
        self,
        nursery: trio.Nursery,
        registry: Registry,
        run: Path,
        bus: Publishes,
        *,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._nursery = nursery
        self._ledger = Ledger(registry, bus)
        self._locks = JobLocks(run)
        self.wakeups = Wakeups(run)
        self._recorder = Recorder(self._ledger)
        self._now = now
        self._owner = this_process()
        self._running: dict[str, _Running] = {}
        self._unrecorded: dict[str, Job] = {}
        self._watched: set[str] = set()

    async def recover(self) -> tuple[str, ...]:
        """Begin to serve, and mark the jobs whose process is gone as interrupted; return their ids. Call it once."""
        await self._locks.make()
        await self._nursery.start(self.wakeups.run, self._obey)
        self._nursery.start_soon(self._recorder.run)
        return await self.notice_dead()

    @property
    def ours(self) -> AbstractSet[str]:
        """The ids of the jobs that this process is at."""
        return self._running.keys()

    async def notice_dead(self) -> tuple[str, ...]:
        """Mark the jobs whose process is gone as interrupted; return their ids."""
        unfinished = await self._ledger.read(lambda read: [job.id for job in read.jobs() if job.state in _OPEN])
        return tuple([each for each in unfinished if each not in self._running and await self._is_given_up(each)])

    async def _is_given_up(self, job_id: str) -> bool:
        return await self._locks.is_free(job_id) and await self._ledger.change(lambda write: self._mark(write, job_id))

    def _mark(self, write: Write, job_id: str) -> bool:
        # A free lock is not enough: there are file systems on which every lock is free.
        job = write.job(job_id)
        owner = write.job_owner(job_id)
        is_ours = owner == self._owner and job_id not in self._running
        if job.state not in _OPEN or (is_alive(owner) and not is_ours):
            return False
        self._record_end(write, job, Interrupted())
        return True

    # --- beginning

    async def start(
        self,
        kind: Literal["download", "import", "verify"],
        subject: str,
        request: bytes,
        body: Body,
        *,
        limit: int | None = None,
        between: str = "",
    ) -> Job:
        """Record a job and begin it; return it once it can be cancelled.

        `subject` is what the user asked for, `request` what is needed to do it again after a crash; `limit` and
        `between` are kept with it (see `Job`).
        """
        now = self._now()
        job = Job(
            id=secrets.token_hex(4),
            kind=kind,
            subject=subject,
            state="running",
            created_at=now,
            updated_at=now,
            limit=limit,
            between=between,
        )

        def record(write: Write) -> Job:
            write.add_job(job, request, self._owner)
            if kind != "verify":
                write.journal(DownloadQueued(job=job.id, subject=subject))
            return job

        return await self._begin(job.id, record, body)

    async def restart(self, job_id: str, body: Body) -> Job:
        """Begin a job again that was paused, interrupted, failed or cancelled; it keeps its id.

        Raises:
            NotFound: there is no such job.
            Conflict: it was completed, or is being worked on.
        """
        known = await self._ledger.read(lambda read: read.job(job_id))
        if known.state in _OPEN and not await self._locks.is_free(known.id):
            raise busy(known.id)

        def record(write: Write) -> Job:
            job = msgspec.structs.replace(write.take_job(known.id, self._owner), state="running")
            write.update_job(job)
            if job.kind != "verify":
                write.journal(DownloadResumed(job=job.id, subject=job.subject))
            return job

        return await self._begin(known.id, record, body)

    async def _begin(self, job_id: str, record: Callable[[Write], Job], body: Body) -> Job:
        accepted: Job = await self._nursery.start(self._run, job_id, record, body)
        return accepted

    # --- ending

    async def cancel(self, job_id: str) -> Job:
        """End a job for the user, in whichever process it runs; return it as it is then.

        A job of this process has ended when this returns; one of another process ends soon after. What arrived is
        kept.

        Raises:
            NotFound: there is no such job.
            Conflict: it has ended already.
        """
        return await self._end(job_id, Cancelled(), lambda write, known: write.request_cancel(known))

    async def pause(self, job_id: str) -> Job:
        """Stop a job until the user resumes it, as `cancel` ends it.

        Raises:
            NotFound: there is no such job.
            Conflict: it has ended, or is paused already.
        """
        return await self._end(job_id, Paused(), lambda write, known: write.request_pause(known))

    async def _end(self, job_id: str, ending: Ending, request: Callable[[Write, str], Job]) -> Job:
        known = await self._ledger.read(lambda read: read.job(job_id))
        running = self._running.get(known.id)
        if running is not None:
            running.end(ending)
            await running.over.wait()
            return await self._ledger.read(lambda read: read.job(known.id))

        def ask(write: Write) -> Job:
            job = request(write, known.id)
            if job.state in _OPEN and is_alive(write.job_owner(job.id)):
                return job
            return self._record_end(write, job, ending)

        return await self._ledger.change(ask)

    async def _obey(self) -> None:
        """End what somebody, in whichever process, asked this one to cancel or to pause."""
        if not self._running:
            return
        try:
            to_end, to_pause = await self._ledger.read(lambda read: (read.cancel_requests(), read.pause_requests()))
        except PapinError as error:
            self._recorder.complain("(all)", error)
            return
        for job_id, running in self._running.items():
            if job_id in to_end:
                running.end(Cancelled())
            elif job_id in to_pause:
                running.end(Paused())

    # --- watching

    async def follow(self, job_id: str) -> AsyncGenerator[Job]:
        """Yield a job at once and whenever its record changes, and end with its final state. Close with `aclosing`.

        A job of another process that dies ends as interrupted.

        Raises:
            NotFound: there is no such job.
        """
        last: Job | None = None
        while last is None or last.state in _OPEN:
            changed = self.wakeups.next
            job = await self._ledger.read(lambda read: read.job(job_id))
            if job.state in _OPEN:
                job = self._unrecorded.get(job.id, job)
            if job != last:
                last = job
                yield job
                continue
            self._watch_owner(job.id)
            await changed.wait()

    def _watch_owner(self, job_id: str) -> None:
        if job_id not in self._running and job_id not in self._watched:
            self._watched.add(job_id)
            self._nursery.start_soon(self._wait_given_up, job_id)

    async def _wait_given_up(self, job_id: str) -> None:
        try:
            while not await self._has_ended(job_id):
                # The system frees the locks of a process that ends before it is gone; and where it frees them at once,
                # its end is what tells.
                if await self._locks.is_free(job_id):
                    owner = await self._ledger.read(lambda read: read.job_owner(job_id))
                    alone = trio.CapacityLimiter(1)
                    await trio.to_thread.run_sync(wait_gone, owner, abandon_on_cancel=True, limiter=alone)
            # It may have ended without waking anybody here: who has too many files open cannot.
            self.wakeups.ring()
        except PapinError as error:
            self._recorder.complain(job_id, error)
        finally:
            self._watched.discard(job_id)

    async def _has_ended(self, job_id: str) -> bool:
        """Wait until nobody holds the job, and tell whether it is over or was given up."""
        await self._locks.wait_free(job_id)
        if await self._is_given_up(job_id):
            return True
        return (await self._ledger.read(lambda read: read.job(job_id))).state not in _OPEN

    # --- running

    async def _run(
        self,
        job_id: str,
        record: Callable[[Write], Job],
        body: Body,
        *,
        task_status: trio.TaskStatus[Job] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        async with self._locks.hold(job_id):
            # Known before it is recorded: whoever reads the record may ask to cancel it at once.
            recorder = self._recorder
            running = _Running(JobHandle(job_id, self._ledger.publish, recorder.note, recorder.later))
            self._running[job_id] = running
            self._unrecorded.pop(job_id, None)
            try:
                job = await self._ledger.change(record)
                running.handle.latest = job.progress
                task_status.started(job)
                await self._live(job, running, body)
            finally:
                del self._running[job_id]
                running.over.set()
                # The last of all: from here on, another run of this job may hold its lock.
                with trio.CancelScope(shield=True):
                    await self._locks.drop(job_id)

    async def _live(self, job: Job, running: _Running, body: Body) -> None:
        ending: Ending = Interrupted()
        try:
            ending = await self._attempt(running, body)
        finally:
            with trio.CancelScope(shield=True):
                await self._settle(job, ending, running.handle)

    async def _attempt(self, running: _Running, body: Body) -> Ending:
        try:
            with running.scope:
                return Completed(await body(running.handle))
        except Exception as error:  # noqa: BLE001  # the guard of a job: nothing that it raises ends the kernel
            if not running.scope.cancel_called:
                return failed(error, running.handle.id)
        return running.wish

    async def _settle(self, job: Job, ending: Ending, handle: JobHandle) -> None:
        """Record how it ended.

        When the registry cannot be written (its disk is full), those who follow it here are told all the same, and the
        next start notices.
        """

        def apply(write: Write) -> None:
            self._recorder.journal(write, job, handle)
            self._record_end(write, msgspec.structs.replace(job, progress=handle.latest), ending)

        try:
            async with self._recorder.order:
                handle.is_over = True
                await self._ledger.change(apply)
        except PapinError as error:
            self._recorder.complain(job.id, error)
            self._unrecorded[job.id] = ended(msgspec.structs.replace(job, progress=handle.latest), ending, self._now())
            self.wakeups.ring()

    def _record_end(self, write: Write, job: Job, ending: Ending) -> Job:
        over = ended(job, ending, self._now())
        write.update_job(over)
        event = event_of(job, ending)
        if event is not None:
            write.journal(event)
        return over
