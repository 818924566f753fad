"""Downloads and imports: a line of progress, and the list of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from papin.models import Job, Progress
from papin.sizes import duration_text
from papin_cli import _words
from papin_cli._safe import name
from papin_cli._table import Column, render

__all__ = ["amount", "change", "doing", "line", "listing", "remaining", "stage"]

_COLUMNS = (
    Column(title="JOB"),
    Column(title="WHAT", least=12),
    Column(title="KIND", rank=2),
    Column(title="STATE"),
    Column(title="DONE", right=True, rank=1),
    Column(title="BEGUN", rank=3),
)


_DOING = {
    "queued": "Waiting",
    "resolving": "Looking",
    "downloading": "Downloading",
    "verifying": "Verifying",
    "committing": "Recording",
}


def doing(phase: str, kind: str) -> str:
    """Return what a job of that kind does in a phase, in one word: an import copies where a download downloads."""
    return "Copying" if (kind, phase) == ("import", "downloading") else _DOING.get(phase) or name(phase)


def amount(progress: Progress) -> str:
    """Return `12.0 MB of 98.4 MB`, or just what is done while the total is unknown."""
    done = _words.size(progress.done)
    return done if progress.total is None else f"{done} of {_words.size(progress.total)}"


def remaining(progress: Progress) -> str:
    """Return `3 min 5 s left`, or nothing while it is unknown or nothing is left; and whether it may not be ended."""
    left = f"{duration_text(progress.remaining)} left" if progress.remaining else ""
    return left if progress.resumable else f"{left} (cannot be resumed)".strip()


def line(progress: Progress, doing: str = "") -> str:
    """Return progress as one line of plain text; `doing` is said in the place of the phase."""
    parts = (
        _words.percent(progress.fraction),
        amount(progress) if progress.done or progress.total else "",
        _words.speed(progress.speed),
        remaining(progress),
        name(progress.file),
    )
    return f"{doing or name(progress.phase)}: {', '.join(part for part in parts if part)}".removesuffix(": ")


def change(job: Job) -> str:
    """Return how a job is now, as one line."""
    if job.state == "running" and job.progress is not None:
        return f"{name(job.id)}  {line(job.progress, doing(job.progress.phase, job.kind))}"
    return f"{name(job.id)}  {_state(job)}: {name(job.subject)}"


def stage(job: Job) -> str:
    """Return what a job does now, in a few words: what its phase is, what it waits for, or how it ended."""
    if job.state == "running" and job.progress is not None:
        return doing(job.progress.phase, job.kind)
    return _state(job)


def _state(job: Job) -> str:
    if job.error:
        return f"{job.state} ({name(job.error.code)})"
    return f"{job.state}, waits {name(job.waiting)}" if job.waiting else job.state


def listing(jobs: Sequence[Job], now: datetime, width: int | None) -> str:
    """Return the jobs as a table, the newest first, with how to go on with those that were interrupted."""
    if not jobs:
        return "There are no downloads.\n"
    newest = sorted(jobs, key=lambda job: job.created_at, reverse=True)
    return render(_COLUMNS, [_row(job, now) for job in newest], width) + _advice(newest)


def _row(job: Job, now: datetime) -> tuple[str, ...]:
    done = _words.percent(job.progress.fraction) if job.progress and job.state != "completed" else ""
    return name(job.id), name(job.subject), job.kind, _state(job), done, _words.ago(job.created_at, now)


def _advice(jobs: Sequence[Job]) -> str:
    waiting = [job for job in jobs if job.state in ("paused", "interrupted", "failed")]
    return f"\nNext: papin downloads resume {name(waiting[0].id)}\n" if waiting else ""
