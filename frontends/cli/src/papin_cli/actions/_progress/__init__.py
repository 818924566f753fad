"""Showing progress on stderr: a bar on a terminal, lines elsewhere, nothing with `--json`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from papin.models import Job, Progress
from papin_cli._output import Output
from papin_cli.actions._progress._lines import JobLines, Lines

__all__ = ["Show", "showing", "watching"]

Show = Callable[[Progress], None]


@contextmanager
def showing(out: Output, kind: str) -> Iterator[Show]:
    """Yield a function that shows the progress of a job of that kind, for as long as the context is open."""
    if out.json:
        yield _nowhere
    elif out.animated:
        from papin_cli.actions._progress._bar import bar  # noqa: PLC0415 - imports rich, which only a bar needs

        with bar(out, kind) as show:
            yield show
    else:
        yield Lines(out.note, kind)


@contextmanager
def watching(out: Output) -> Iterator[Callable[[Job], None]]:
    """Yield a function that shows how jobs are, for as long as the context is open: bars, lines, or lines of JSON."""
    if out.json:
        yield lambda job: out.line("job", job)
    elif out.animated:
        from papin_cli.actions._progress._bar import bars  # noqa: PLC0415 - imports rich, which only a bar needs

        with bars(out) as show:
            yield show
    else:
        yield JobLines(out.text)


def _nowhere(_progress: Progress) -> None:
    """Show nothing."""
