"""What the body of a job gets: its id, and where to tell how far it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import trio

from papin.events import DownloadProgressed, Event
from papin.models import Progress

EVERY = 0.25
"""Seconds between two reports of one job that are passed on, while nothing but the count changes."""


class JobHandle:
    """A running job, for its body. To be used from the event loop only.

    `waiting` says what it waits for, in plain words, and `waits_until` until when; empty while it works. `latest` is
    the last progress, at first that of the attempt before; `began` the first one of a download, which is journalled
    once (`is_started`).
    """

    def __init__(
        self,
        job_id: str,
        publish: Callable[[Event], None],
        record: Callable[[JobHandle], None],
        later: Callable[[JobHandle], None],
    ) -> None:
        self.id = job_id
        self.latest: Progress | None = None
        self.began: Progress | None = None
        self.waiting = ""
        self.waits_until: datetime | None = None
        self.warnings: tuple[str, ...] = ()
        self.is_started = False
        self.is_over = False
        self._publish = publish
        self._record = record
        self._later = later
        self._told: Progress | None = None
        self._told_at = float("-inf")

    def report(self, progress: Progress) -> None:
        """Tell how far the job is. Never blocks; about four times a second, and at each new phase, it is passed on."""
        before, self.latest = self.latest, progress
        if self.began is None and progress.phase == "downloading":
            self.began = progress
        if before and not _is_news(before, progress) and trio.current_time() - self._told_at < EVERY:
            self._later(self)
        else:
            self.pass_on()

    def pass_on(self) -> None:
        """Tell of the latest progress, unless that was done."""
        if self.latest is None or self.latest is self._told or self.is_over:
            return
        self._told, self._told_at = self.latest, trio.current_time()
        self._publish(DownloadProgressed(job=self.id, progress=self.latest))
        self._record(self)

    def wait_for(self, what: str, until: datetime | None = None) -> None:
        """Tell what the job waits for and until when, or by an empty text that it goes on. Never blocks."""
        if (what, until) != (self.waiting, self.waits_until):
            self.waiting, self.waits_until = what, until
            self._record(self)

    def warn(self, text: str) -> None:
        """Tell what the job got over, in a sentence for its user. Never blocks."""
        if text not in self.warnings:
            self.warnings = (*self.warnings, text)
            self._record(self)


def _is_news(before: Progress, now: Progress) -> bool:
    """Tell whether something else than the count changed, or it has just become complete."""
    is_other = (before.phase, before.file, before.total) != (now.phase, now.file, now.total)
    return is_other or (now.done == now.total and before.done != now.done)
