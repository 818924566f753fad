from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Drawing

from papin import sentences, words
from papin.models import Job, Progress
from papin.safe import name
from papin_cli._output import Output

__all__ = ["bar", "bars"]

_WIDTH = 24
_EMPTY: dict[str, Any] = {"percent": "", "amount": "", "speed": "", "left": ""}


class _Bars:
    """Bars at the bottom of stderr, redrawn at each change, notes above them; rich honours NO_COLOR."""

    def __init__(self, drawing: Drawing) -> None:
        self._drawing = drawing
        self._tasks: dict[str, TaskID] = {}

    def draw(self, key: str, description: str, progress: Progress | None) -> None:
        """Draw the bar `key`, a new one below the others if there is none yet."""
        if key not in self._tasks:
            self._tasks[key] = self._drawing.add_task(description, total=None, **_EMPTY)
        self._drawing.update(self._tasks[key], description=description, refresh=True, **_fields(progress))


def _fields(progress: Progress | None) -> dict[str, Any]:
    if progress is None:
        return {}
    return {
        "total": progress.total,
        "completed": progress.done,
        "percent": words.percent(progress.fraction),
        "amount": sentences.amount(progress) if progress.done or progress.total else "",
        "speed": words.speed(progress.speed),
        "left": sentences.remaining(progress),
    }


@contextmanager
def _drawn(out: Output) -> Iterator[_Bars]:
    texts = [TextColumn(f"{{task.fields[{field}]}}", markup=False) for field in _EMPTY]
    columns = [TextColumn("{task.description}", markup=False), BarColumn(bar_width=_WIDTH), *texts]
    console = Console(stderr=True, highlight=False)

    def above(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    with Drawing(*columns, console=console, auto_refresh=False, expand=False) as drawing, out.noting_by(above):
        yield _Bars(drawing)


@contextmanager
def bar(out: Output, kind: str) -> Iterator[Callable[[Progress], None]]:
    """Draw one bar for the progress of a job of that kind."""
    with _drawn(out) as drawn:
        drawn.draw("", "Waiting", None)
        yield lambda progress: drawn.draw("", sentences.doing(progress.phase, kind), progress)


@contextmanager
def bars(out: Output) -> Iterator[Callable[[Job], None]]:
    """Draw a bar for each job that is shown."""
    with _drawn(out) as drawn:
        yield lambda job: drawn.draw(job.id, f"{name(job.id)} {sentences.stage(job)}", job.progress)
