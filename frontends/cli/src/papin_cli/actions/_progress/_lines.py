from __future__ import annotations

import time
from collections.abc import Callable

from papin.models import Progress
from papin_cli.views import jobs

__all__ = ["Lines"]

# A line for each tenth, and one for each so many seconds where a tenth takes longer.
_STEP = 0.1
_PAUSE = 5.0


class Lines:
    """Progress for log files and pipes: few lines, each whole."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._phase = ""
        self._fraction = 0.0
        self._at = 0.0

    def __call__(self, progress: Progress) -> None:
        """Write a line, if enough has changed since the last one."""
        now, fraction = self._clock(), progress.fraction or 0.0
        if progress.phase == self._phase and not self._due(now, fraction):
            return
        self._phase, self._at = progress.phase, now
        self._fraction = fraction - fraction % _STEP
        self._write(jobs.line(progress))

    def _due(self, now: float, fraction: float) -> bool:
        return fraction >= min(1.0, self._fraction + _STEP) > self._fraction or now - self._at >= _PAUSE
