"""The progress of downloads that other processes run, passed on to the bus of this one."""

from __future__ import annotations

import logging

from papin._bus import Bus
from papin._jobs import Jobs, Ledger
from papin.errors import PapinError
from papin.events import DownloadProgressed
from papin.models import Progress

_log = logging.getLogger("papin.downloads")


class Echo:
    """Reads the progress that is recorded, whenever something was, and while somebody listens to the bus."""

    def __init__(self, records: Ledger, jobs: Jobs, bus: Bus) -> None:
        self._records = records
        self._jobs = jobs
        self._bus = bus
        self._told: dict[str, Progress] = {}

    async def run(self) -> None:
        """Pass it on, until cancelled."""
        while True:
            changed = self._jobs.wakeups.next
            if self._bus.statistics().subscribers:
                await self._look()
            await changed.wait()

    async def _look(self) -> None:
        try:
            recorded = await self._records.read(lambda read: read.progress_of_open())
        except PapinError as error:
            _log.warning("the progress of downloads could not be read: %s", error)
            return
        for job_id in recorded.keys() - self._jobs.ours:
            if self._told.get(job_id) != recorded[job_id]:
                self._bus.publish(DownloadProgressed(job=job_id, progress=recorded[job_id]))
        self._told = recorded
