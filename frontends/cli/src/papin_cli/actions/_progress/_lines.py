from __future__ import annotations

import time
from collections.abc import Callable

from papin import sentences
from papin.models import Job, Progress
from papin.safe import name
from papin_cli.views import jobs

__all__ = ["JobLines", "Lines"]

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
            self._write(jobs.line(progress, sentences.doing(progress.phase, self._kind)))


class JobLines:
    """How several jobs are, for log files and pipes: a line when a state changes, and `Lines` of the progress."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._stages: dict[str, str] = {}
        self._lines: dict[str, Lines] = {}

    def __call__(self, job: Job) -> None:
        """Write a line, if enough has changed since the last one."""
        if job.state == "running" and job.progress is not None:
            if job.id not in self._lines:
                self._lines[job.id] = Lines(lambda line: self._write(f"{name(job.id)}  {line}"), job.kind)
            self._lines[job.id](job.progress)
        elif self._stages.get(job.id) != jobs.change(job):
            self._write(jobs.change(job))
        self._stages[job.id] = jobs.change(job)
