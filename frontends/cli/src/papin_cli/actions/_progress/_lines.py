from __future__ import annotations

import time
from collections.abc import Callable

from papin.models import Progress
from papin_cli.views import jobs

__all__ = ["Lines"]

# A line for each tenth, and one for each so many seconds where a tenth takes longer.
_STEPS = 10
_PAUSE = 5.0


class Lines:
    """Progress for log files and pipes: few lines, each whole."""

    def __init__(self, write: Callable[[str], None], kind: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._kind = kind
        self._clock = clock
        self._phase = ""
        self._step = 0
        self._at = 0.0

    def __call__(self, progress: Progress) -> None:
        """Write a line, if enough has changed since the last one."""
        now, step = self._clock(), int((progress.fraction or 0) * _STEPS)
        if progress.phase != self._phase or step > self._step or now - self._at >= _PAUSE:
            self._phase, self._step, self._at = progress.phase, step, now
            self._write(jobs.line(progress, jobs.doing(progress.phase, self._kind)))
