"""The pane of the downloads and imports: how far each is, and what can be done with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from papin import words
from papin.kernel import Kernel
from papin.models import Job
from papin.safe import name
from papin.sentences import amount, describe, remaining, stage
from papin_tui._dialogs import Reading
from papin_tui._pane import Pane
from papin_tui._show import Column, Table, cell, clipped

__all__ = ["DownloadsPane"]

_COLUMNS = (
    Column("WHAT"),
    Column("STATE"),
    Column("DONE", right=True),
    Column("SPEED", right=True),
    Column("LEFT"),
    Column("SIZE"),
    Column("BEGUN"),
    Column("JOB"),
)
_NONE = "There are no downloads. Press 2 to find a model."
_OPEN = ("queued", "running")
_LONGEST = 32  # letters of what is downloaded: so much that the speed stands on a screen of 80 columns, too


class DownloadsPane(Pane):
    """The jobs, the newest first."""

    often = 1.0  # that a job waits is no event
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "Pause or resume"),
        Binding("x", "cancel", "Cancel"),
        Binding("d", "discard", "Cancel and discard"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._jobs: dict[str, Job] = {}
        self._has_come = False
        self._table = Table(*_COLUMNS, id="jobs")
        self._sum = Static(id="job-sum", markup=False)

    def compose(self) -> ComposeResult:
        """Show the table, and a line below it."""
        yield self._table
        yield self._sum

    def come(self) -> None:
        """Choose the newest job where it is one that was not here before."""
        self._has_come = self.is_stale = True

    def look_again(self) -> None:
        """Look while something is open."""
        self.is_stale |= any(job.state in _OPEN for job in self._jobs.values())

    async def read(self) -> None:
        """Show the jobs."""
        jobs = await self.app.ask(lambda kernel: kernel.downloads.list())
        now, known = datetime.now(UTC), self._jobs
        self._jobs = {job.id: job for job in sorted(jobs, key=lambda job: job.created_at, reverse=True)}
        self._table.fill({key: row(job, now) for key, job in self._jobs.items()})
        if self._has_come and next(iter(self._jobs), "") not in known:
            self._table.move_cursor(row=0, animate=False)  # who comes here wants what was just begun
        self._has_come = False
        running = sum(job.state in _OPEN for job in jobs)
        text = f"{words.count(len(jobs), 'download')}, {running} open" if jobs else _NONE
        self._sum.update(cell(text))

    @property
    def _chosen(self) -> Job | None:
        return self._jobs.get(self._table.chosen or "")

    def on_data_table_row_selected(self) -> None:
        """Show what a job ran into."""
        if (job := self._chosen) is not None:
            self.app.push_screen(Reading(told(job)))

    def _still_open(self) -> Job | None:
        """Return the chosen job, or say that it is done."""
        job = self._chosen
        if job is not None and job.state == "completed":
            self.app.say(f"{name(job.subject)} is completed: nothing of it is left to do.")
            return None
        return job

    def action_pause(self) -> None:
        """Stop a job for now, or go on with it."""
        job = self._still_open()
        if job is not None and job.state in _OPEN:
            self._do(lambda kernel: kernel.downloads.pause(job.id))
        elif job is not None:
            self._do(lambda kernel: kernel.downloads.resume(job.id))

    def action_cancel(self) -> None:
        """End a job; what arrived is kept."""
        if (job := self._still_open()) is not None:
            self._do(lambda kernel: kernel.downloads.cancel(job.id))

    def action_discard(self) -> None:
        """End a job and remove what arrived, after asking."""
        if (job := self._still_open()) is not None:
            self.app.begin(self._discard(job))

    async def _discard(self, job: Job) -> None:
        arrived = words.size(job.progress.done) if job.progress else "nothing"
        plan = f"{name(job.subject)}: {arrived} arrived, and would be fetched again the next time."
        if await self.app.confirm(plan, f"Cancel {name(job.id)} and remove what arrived?"):
            await self.app.ask(lambda kernel: kernel.downloads.cancel(job.id, discard=True))
            self.is_stale = True

    def _do(self, work: Callable[[Kernel], Awaitable[Job]]) -> None:
        async def do() -> None:
            await self.app.ask(work)
            self.is_stale = True

        self.app.begin(do())


def row(job: Job, now: datetime) -> tuple[str, ...]:
    """Return the cells of a job."""
    progress = job.progress
    moves = progress is not None and job.state == "running"
    size = amount(progress) if progress and (progress.done or progress.total) else ""
    return (
        clipped(name(job.subject), _LONGEST),
        stage(job),
        words.percent(progress.fraction) if progress and job.state != "completed" else "",
        words.speed(progress.speed) if progress and moves else "",
        remaining(progress) if progress and moves else "",
        words.size(progress.done) if progress and job.state == "completed" else size,
        words.ago(job.created_at, now),
        name(job.id),
    )


def told(job: Job) -> str:
    """Return what there is to say of a job: how it is, its warnings, its error."""
    lines = [f"{name(job.id)}: {name(job.subject)}", stage(job)]
    lines += [f"Warning: {name(each)}" for each in job.warnings]
    if job.model:
        lines.append(f"It is the model {name(job.model)}.")
    if job.error is not None:
        lines.append(describe(job.error))
    return "\n".join(lines)
