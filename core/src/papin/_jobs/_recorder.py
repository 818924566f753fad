"""Writes the progress of all jobs of this process into their rows, whenever there is some and the last was written."""

from __future__ import annotations

import logging
from math import inf

import trio

from papin._jobs._handle import EVERY, JobHandle
from papin._jobs._ledger import Ledger
from papin._registry import Write
from papin.errors import PapinError
from papin.events import DownloadStarted, DownloadWarned
from papin.models import Job

_log = logging.getLogger("papin.jobs")


class Recorder:
    """One task for all jobs. `order` keeps what is recorded of a job in order: its end comes last."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._changed: dict[str, JobHandle] = {}
        self._late: set[JobHandle] = set()
        self._ring, self._bell = trio.open_memory_channel[None](1)
        self._waiting = trio.CancelScope()
        self.order = trio.Lock()

    def note(self, handle: JobHandle) -> None:
        """Have the latest progress of a job written soon."""
        self._changed[handle.id] = handle
        try:
            self._ring.send_nowait(None)
        except trio.WouldBlock:
            return  # it rang already

    def later(self, handle: JobHandle) -> None:
        """Have a job pass on its latest progress when the time has come, though nothing more should happen."""
        if handle not in self._late:
            self._late.add(handle)
            self._waiting.deadline = min(self._waiting.deadline, trio.current_time() + EVERY)

    async def run(self) -> None:
        """Write what was noted, until cancelled."""
        while True:
            with trio.CancelScope(deadline=trio.current_time() + EVERY if self._late else inf) as self._waiting:
                await self._bell.receive()
            if self._waiting.cancelled_caught:
                late, self._late = self._late, set()
                for handle in late:
                    handle.pass_on()
            await self._write_all()

    async def _write_all(self) -> None:
        async with self.order:
            handles, self._changed = list(self._changed.values()), {}
            current = [handle for handle in handles if not handle.is_over]
            if current:
                await self._write(current)

    async def _write(self, handles: list[JobHandle]) -> None:
        def apply(write: Write) -> None:
            for handle in handles:
                self.journal(write, write.job(handle.id), handle)
                write.set_waiting(handle.id, handle.waiting, handle.waits_until)
                if handle.latest is not None:
                    write.set_progress(handle.id, handle.latest)

        begins = [handle for handle in handles if handle.began and not handle.is_started]
        is_news = bool(begins) or any(handle.warnings for handle in handles)
        try:
            await self._ledger.change(apply, durable=is_news)
        except PapinError as error:
            self.complain(handles[0].id, error)
            return
        for handle in begins:
            handle.is_started = True

    @staticmethod
    def journal(write: Write, job: Job, handle: JobHandle) -> None:
        """Journal that the first byte is being fetched, and what the job warns of, unless that was done."""
        if job.kind == "verify":
            return
        if handle.began and not handle.is_started:
            write.journal(DownloadStarted(job=job.id, subject=job.subject, total=handle.began.total))
        for text in handle.warnings:
            if write.add_warning(job.id, text):
                write.journal(DownloadWarned(job=job.id, message=text))

    @staticmethod
    def complain(job_id: str, error: PapinError) -> None:
        """Log that something could not be recorded; nothing else can be done about it."""
        _log.warning("the state of job %s could not be recorded: %s", job_id, error)
