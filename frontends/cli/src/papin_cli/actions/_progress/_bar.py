from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from papin.models import Progress
from papin_cli import _words
from papin_cli.views import jobs

__all__ = ["bar"]

_WIDTH = 24
_FIELDS = ("percent", "amount", "speed", "left")


@contextmanager
def bar(kind: str) -> Iterator[Callable[[Progress], None]]:
    """Draw one bar at the bottom of stderr, redrawn at each progress; rich honours NO_COLOR."""
    texts = [TextColumn(f"{{task.fields[{field}]}}", markup=False) for field in _FIELDS]
    columns = [TextColumn("{task.description}", markup=False), BarColumn(bar_width=_WIDTH), *texts]
    console = Console(stderr=True, highlight=False)
    with Bar(*columns, console=console, auto_refresh=False, expand=False) as drawn:
        task = drawn.add_task("Waiting", total=None, percent="", amount="", speed="", left="")

        def show(progress: Progress) -> None:
            drawn.update(
                task,
                description=jobs.doing(progress.phase, kind),
                total=progress.total,
                completed=progress.done,
                percent=_words.percent(progress.fraction),
                amount=jobs.amount(progress) if progress.done or progress.total else "",
                speed=_words.speed(progress.speed),
                left=jobs.remaining(progress),
                refresh=True,
            )

        yield show
