"""Progress as people see it: never back, with a speed over the last seconds, exactly 100 % at the end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import trio

from papin.models import Phase, Progress

_WINDOW = 5.0
_STEP = 0.1  # samples are at least this far apart, so that the window is short whatever the size of the pieces


class Meter:
    """Turns the state of one transfer into `Progress` values; from the event loop, but where it is said otherwise."""

    def __init__(self, report: Callable[[Progress], None], file: str, total: int | None) -> None:
        self._report = report
        self._file = file
        self._phase: Phase = "queued"
        self._total = total
        self._shown = 0
        self._resumable = True
        self._samples: deque[tuple[float, int]] = deque()

    def enter(self, phase: Phase, *, total: int | None = None, resumable: bool = True) -> None:
        """Begin a phase, in which the total may have become known; a phase has a speed of its own."""
        self._phase, self._resumable = phase, resumable
        self._total = self._total if total is None else total
        self._samples.clear()
        self._tell(None)

    def show(self, done: int) -> None:
        """Show `done` bytes; fewer than before are kept to oneself until they are more."""
        now = trio.current_time()
        if not self._samples or now - self._samples[-1][0] >= _STEP or done < self._samples[-1][1]:
            self._sample(now, done)
        self._shown = max(self._shown, done)
        self._tell(self._speed(now, done))

    def _sample(self, now: float, done: int) -> None:
        if self._samples and done < self._samples[-1][1]:
            self._samples.clear()  # it began anew
        self._samples.append((now, done))
        while now - self._samples[0][0] > _WINDOW and len(self._samples) > 1:
            self._samples.popleft()

    def _speed(self, now: float, done: int) -> float | None:
        since, before = self._samples[0]
        return (done - before) / (now - since) if now - since >= _STEP else None

    def show_from_thread(self, done: int) -> None:
        """Show from a thread of the transfer; raises `trio.Cancelled` there once that is cancelled."""
        trio.from_thread.check_cancelled()
        trio.from_thread.run_sync(self.show, done)

    def silence(self, done: int, since: float) -> None:
        """Tell that nothing has come since that time on trio's clock; `done` bytes had."""
        self._samples.clear()
        self._shown = max(self._shown, done)
        self._tell(0.0, datetime.now(UTC) - timedelta(seconds=trio.current_time() - since))

    def finish(self, size: int) -> None:
        """Show exactly 100 % of `size` bytes."""
        self._phase, self._total, self._shown, self._resumable = "committing", size, size, True
        self._tell(None)

    def _tell(self, speed: float | None, silent_since: datetime | None = None) -> None:
        done = self._shown if self._total is None else min(self._shown, self._total)
        remaining = (self._total - done) / speed if speed and self._total is not None else None
        self._report(
            Progress(
                phase=self._phase,
                done=done,
                total=self._total,
                speed=speed,
                remaining=remaining,
                file=self._file,
                resumable=self._resumable,
                silent_since=silent_since,
            )
        )
