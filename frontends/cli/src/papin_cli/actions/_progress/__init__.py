"""Showing progress on stderr: a bar on a terminal, lines elsewhere, nothing with `--json`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from papin.models import Progress
from papin_cli._output import Output
from papin_cli.actions._progress._lines import Lines

__all__ = ["Show", "showing"]

Show = Callable[[Progress], None]


@contextmanager
def showing(out: Output, kind: str) -> Iterator[Show]:
    """Yield a function that shows the progress of a job of that kind, for as long as the context is open."""
    if out.json:
        yield _nowhere
    elif out.animated:
        from papin_cli.actions._progress._bar import bar  # noqa: PLC0415 - imports rich, which only a bar needs

        with bar(kind) as show:
            yield show
    else:
        yield Lines(out.note, kind)


def _nowhere(_progress: Progress) -> None:
    """Show nothing."""
