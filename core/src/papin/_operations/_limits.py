"""How fast downloads may be: one by itself, and all together in whichever process, changed while they run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from papin._jobs import Ledger, Wakeups
from papin._transfers import Pace, SharedBucket
from papin.errors import PapinError
from papin.names import place

_log = logging.getLogger("papin.downloads")


class Limits:
    """The paces of the downloads of this process. `configured` is in bytes a second for all together, 0 for no limit.

    What came under that limit is counted in one file of the folder `run`, so that what one process leaves others get.
    """

    def __init__(self, run: Path, records: Ledger, wakeups: Wakeups, configured: int) -> None:
        self._records = records
        self._wakeups = wakeups
        self._configured = configured
        self._together = Pace(bucket=SharedBucket(place(run, "pace")))
        self._own: dict[str, Pace] = {}

    @contextmanager
    def pace(self, job_id: str, limit: int | None) -> Iterator[Pace]:
        """Give the pace of a job, `limit` to begin with; `follow` keeps it at what is recorded."""
        self._own[job_id] = pace = Pace(limit, within=self._together)
        try:
            yield pace
        finally:
            del self._own[job_id]

    async def refresh(self) -> None:
        """Bring the paces to what is recorded."""
        running, limit = await self._records.read(lambda read: (read.running_downloads(), read.speed_limit()))
        limit = self._configured if limit is None else limit
        _set(self._together, limit or None)
        for job_id, pace in self._own.items():
            _set(pace, running.get(job_id, pace.rate))

    async def total(self) -> int | None:
        """Return the bytes a second that all together may have, None for no limit."""
        recorded = await self._records.read(lambda read: read.speed_limit())
        return (self._configured if recorded is None else recorded) or None

    async def follow(self) -> None:
        """Keep them there, until cancelled."""
        while True:
            changed = self._wakeups.next
            try:
                await self.refresh()
            except PapinError as error:
                _log.warning("the limits of downloads could not be read: %s", error)
            await changed.wait()


def _set(pace: Pace, rate: float | None) -> None:
    if pace.rate != rate:
        pace.rate = rate
