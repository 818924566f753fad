"""Writes the progress of all jobs of this process into their rows, whenever there is some and the last was written."""

from __future__ import annotations

import logging

import trio

from papin._jobs._handle import JobHandle
from papin._jobs._ledger import Ledger
from papin._registry import Write
from papin.errors import PapinError
from papin.events import DownloadStarted
from papin.models import Job

_log = logging.getLogger("papin.jobs")


class Recorder:
    """One task for all jobs. `order` keeps what is recorded of a job in order: its end comes last."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._changed: dict[str, JobHandle] = {}
        self._ring, self._bell = trio.open_memory_channel[None](1)
        self.order = trio.Lock()

    def note(self, handle: JobHandle) -> None:
        """Have the latest progress of a job written soon."""
        self._changed[handle.id] = handle
        try:
            self._ring.send_nowait(None)
        except trio.WouldBlock:
            return  # it rang already

    async def run(self) -> None:
        """Write what was noted, until cancelled."""
        async for _ in self._bell:
            async with self.order:
                handles, self._changed = list(self._changed.values()), {}
                current = [handle for handle in handles if not handle.is_over]
                if current:
                    await self._write(current)

    async def _write(self, handles: list[JobHandle]) -> None:
        def apply(write: Write) -> None:
            for handle in handles:
                self.journal_start(write, write.job(handle.id), handle)
                write.set_waiting(handle.id, handle.waiting)
                if handle.latest is not None:
                    write.set_progress(handle.id, handle.latest)

        begins = [handle for handle in handles if handle.began and not handle.is_started]
        try:
            await self._ledger.change(apply, durable=bool(begins))
        except PapinError as error:
            self.complain(handles[0].id, error)
            return
        for handle in begins:
            handle.is_started = True

    @staticmethod
    def journal_start(write: Write, job: Job, handle: JobHandle) -> None:
        """Journal that the first byte is being fetched, unless that was done."""
        if handle.began and not handle.is_started and job.kind != "verify":
            write.journal(DownloadStarted(job=job.id, subject=job.subject, total=handle.began.total))

    @staticmethod
    def complain(job_id: str, error: PapinError) -> None:
        """Log that something could not be recorded; nothing else can be done about it."""
        _log.warning("the state of job %s could not be recorded: %s", job_id, error)
