"""The progress of several files as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from papin.models import Progress

Report = Callable[[Progress], None]


class Whole:
    """Adds up the files of a model: never going back, and with a total as soon as all their sizes are known.

    `sizes` are those that are known before, by name; what a server says later counts more. `done` bytes were shown
    before, by a process that went on with the same.
    """

    def __init__(self, sizes: Mapping[str, int | None], report: Report, *, done: int = 0) -> None:
        self._sizes = dict(sizes)
        self._report = report
        self._before = 0
        self._most = done

    @property
    def total(self) -> int | None:
        """The bytes of all files, or None while one is unknown."""
        known = [size for size in self._sizes.values() if size is not None]
        return sum(known) if len(known) == len(self._sizes) else None

    def begin(self) -> None:
        """Count the files from the first one on; what was shown stays."""
        self._before = 0

    def of_file(self, name: str) -> Report:
        """Return where one file reports to."""

        def report(progress: Progress) -> None:
            if progress.total is not None:
                self._sizes[name] = progress.total
            self._most = max(self._most, self._before + progress.done)
            self._tell(progress, name)

        return report

    def _tell(self, progress: Progress, name: str) -> None:
        total = self.total
        done = self._most if total is None else min(self._most, total)
        left = None if total is None or not progress.speed else (total - done) / progress.speed
        self._report(msgspec.structs.replace(progress, done=done, total=total, remaining=left, file=name))

    def finished(self, size: int) -> None:
        """Count a file of `size` bytes as done."""
        self._before += size
        self._most = max(self._most, self._before)

    def committing(self) -> None:
        """Report that everything is here and is being recorded."""
        self._report(Progress(phase="committing", done=self._before, total=self._before))
