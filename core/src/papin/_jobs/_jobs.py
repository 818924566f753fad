"""Starting, ending and resuming jobs, across processes."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import msgspec
import trio

from papin import locks
from papin._jobs._endings import Cancelled, Completed, Ending, Interrupted, ended, event_of, failed
from papin._jobs._handle import JobHandle
from papin._jobs._recorder import Recorder
from papin._registry import Follower, Read, Write, is_alive, this_process
from papin.errors import Conflict, PapinError
from papin.events import DownloadQueued, Event
from papin.models import Job
from papin.names import place

T = TypeVar("T")

Commit = Callable[[Write], str]
"""Records what a job achieved, in the transaction that completes it; returns the id of the model."""

Body = Callable[[JobHandle], Awaitable[str | Commit]]
"""What a job does; it returns the id of the model, or a `Commit`."""

_OPEN = ("queued", "running")


class Records(Protocol):
    """The registry, off the event loop; what a change journals is published once it is committed."""

    async def read(self, ask: Callable[[Read], T]) -> T:
        """Return what `ask` finds."""
        ...

    async def change(self, apply: Callable[[Write], T], *, durable: bool = True) -> T:
        """Run `apply` in one transaction; one that is not `durable` may be lost in a power cut."""
        ...


@dataclass(slots=True)
class _Running:
    scope: trio.CancelScope
    over: trio.Event
    handle: JobHandle


def _now() -> datetime:
    return datetime.now(UTC)


class Jobs:
    """The jobs of this process, and the rows of all of them.

    `run` is the per-boot folder of papin; `nursery` is where the jobs live, and cancelling it interrupts them.
    """

    def __init__(
        self,
        *,
        nursery: trio.Nursery,
        records: Records,
        publish: Callable[[Event], None],
        run: Path,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._nursery = nursery
        self._records = records
        self._publish = publish
        self._run_folder = run
        self._now = now
        self._owner = this_process()
        self._running: dict[str, _Running] = {}
        self._recorder = Recorder(records)

    async def recover(self) -> tuple[str, ...]:
        """Begin to serve, and mark the jobs whose process is gone as interrupted; return their ids. Call it once."""
        await trio.to_thread.run_sync(self._make_folder)
        await self._nursery.start(self._obey)
        self._nursery.start_soon(self._recorder.run)
        unfinished = await self._records.read(lambda read: [job.id for job in read.jobs() if job.state in _OPEN])
        return tuple([job_id for job_id in unfinished if await self._is_given_up(job_id)])

    async def _is_given_up(self, job_id: str) -> bool:
        return await self._is_free(job_id) and await self._records.change(lambda write: self._mark(write, job_id))

    def _mark(self, write: Write, job_id: str) -> bool:
        job = write.job(job_id)
        owner = write.job_owner(job_id)
        if job.state not in _OPEN or (owner != self._owner and is_alive(owner)):
            return False
        self._record_end(write, job, Interrupted())
        return True

    async def start(
        self, kind: Literal["download", "import", "verify"], subject: str, request: bytes, body: Body
    ) -> Job:
        """Record a job and begin it; return it once it can be cancelled.

        `subject` is what the user asked for, `request` what is needed to do it again after a crash.
        """
        now = self._now()
        job = Job(id=secrets.token_hex(4), kind=kind, subject=subject, state="running", created_at=now, updated_at=now)

        def record(write: Write) -> Job:
            write.add_job(job, request, self._owner)
            self._journal_queued(write, job)
            return job

        accepted: Job = await self._nursery.start(self._run, job.id, record, body)
        return accepted

    async def resume(self, job_id: str, body: Body) -> Job:
        """Begin the job again that was interrupted, failed or cancelled; it keeps its id.

        Raises:
            NotFound: there is no such job.
            Conflict: it was completed, or is being worked on.
        """
        known = await self._records.read(lambda read: read.job(job_id))
        if known.id in self._running or not await self._is_free(known.id):
            raise Conflict(f"The job {known.id} is being worked on", next_step="Wait for it, or cancel it first.")

        def record(write: Write) -> Job:
            job = msgspec.structs.replace(write.take_job(known.id, self._owner), state="running")
            write.update_job(job)
            self._journal_queued(write, job)
            return job

        accepted: Job = await self._nursery.start(self._run, known.id, record, body)
        return accepted

    async def cancel(self, job_id: str) -> Job:
        """End a job for the user, in whichever process it runs; return it as it is then.

        A job of this process has ended when this returns; one of another process ends soon after. What arrived is
        kept.

        Raises:
            NotFound: there is no such job.
            Conflict: it has ended already.
        """
        known = await self._records.read(lambda read: read.job(job_id))
        running = self._running.get(known.id)
        if running is None:
            return await self._records.change(lambda write: self._ask_to_end(write, known.id))
        running.scope.cancel()
        await running.over.wait()
        return await self._records.read(lambda read: read.job(known.id))

    def _ask_to_end(self, write: Write, job_id: str) -> Job:
        job = write.request_cancel(job_id)
        if job.state in _OPEN and is_alive(write.job_owner(job_id)):
            return job
        return self._record_end(write, job, Cancelled())

    async def _run(
        self,
        job_id: str,
        record: Callable[[Write], Job],
        body: Body,
        *,
        task_status: trio.TaskStatus[Job] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        lock = self._lock(job_id)
        async with locks.hold(lock):
            job = await self._records.change(record)
            handle = JobHandle(job_id, self._publish, lambda: self._recorder.note(handle))
            running = _Running(trio.CancelScope(), trio.Event(), handle)
            self._running[job_id] = running
            ending: Ending = Interrupted()
            commit: Commit | None = None
            try:
                task_status.started(job)
                ending, commit = await self._attempt(running, body)
            finally:
                with trio.CancelScope(shield=True):
                    await self._settle(job, ending, commit, handle)
                    await trio.to_thread.run_sync(lambda: lock.unlink(missing_ok=True))
                del self._running[job_id]
                running.over.set()

    async def _attempt(self, running: _Running, body: Body) -> tuple[Ending, Commit | None]:
        try:
            with running.scope:
                result = await body(running.handle)
                return (Completed(result), None) if isinstance(result, str) else (Completed(""), result)
        except Exception as error:  # noqa: BLE001  # the guard of a job: nothing that it raises ends the kernel
            if not running.scope.cancel_called:
                return failed(error, running.handle.id), None
        return Cancelled(), None

    async def _settle(self, job: Job, ending: Ending, commit: Commit | None, handle: JobHandle) -> None:
        """Record how it ended; a registry that cannot be written leaves it to the next start to notice."""

        def apply(write: Write) -> None:
            self._recorder.journal_start(write, job, handle)
            end = ending if commit is None else Completed(commit(write))
            self._record_end(write, msgspec.structs.replace(job, progress=handle.latest), end)

        try:
            async with self._recorder.order:
                handle.is_over = True
                await self._records.change(apply)
        except PapinError as error:
            if commit is not None:
                await self._settle(job, failed(error, job.id), None, handle)
                return
            self._recorder.complain(job.id, error)

    def _record_end(self, write: Write, job: Job, ending: Ending) -> Job:
        over = ended(job, ending, self._now())
        write.update_job(over)
        event = event_of(job, ending)
        if event is not None:
            write.journal(event)
        return over

    @staticmethod
    def _journal_queued(write: Write, job: Job) -> None:
        if job.kind != "verify":
            write.journal(DownloadQueued(job=job.id, subject=job.subject))

    async def _obey(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Cancel what other processes ask this one to cancel, woken by their commits."""
        follower = await trio.to_thread.run_sync(Follower, self._run_folder)
        try:
            task_status.started()
            while True:
                await trio.lowlevel.wait_readable(follower.fileno())
                follower.drain()
                if self._running:
                    await self._cancel_requested()
        finally:
            follower.close()

    async def _cancel_requested(self) -> None:
        try:
            wanted = await self._records.read(lambda read: read.cancel_requests())
        except PapinError as error:
            self._recorder.complain("", error)
            return
        for job_id in wanted & self._running.keys():
            self._running[job_id].scope.cancel()

    def _lock(self, job_id: str) -> Path:
        return place(self._run_folder, "jobs", f"{job_id}.lock")

    async def _is_free(self, job_id: str) -> bool:
        return await trio.to_thread.run_sync(locks.is_free, self._lock(job_id))

    def _make_folder(self) -> None:
        place(self._run_folder, "jobs").mkdir(mode=0o700, parents=True, exist_ok=True)
