"""Downloads and imports: a line of progress, and the list of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from papin import words
from papin.models import Job, Progress
from papin.safe import name
from papin.sentences import amount, doing, remaining, state
from papin_cli._table import Column, render

__all__ = ["change", "line", "listing"]

_COLUMNS = (
    Column(title="JOB"),
    Column(title="WHAT", least=12),
    Column(title="KIND", rank=2),
    Column(title="STATE"),
    Column(title="DONE", right=True, rank=1),
    Column(title="BEGUN", rank=3),
)

_VAIN = frozenset({"ERR_FORMAT", "ERR_NAME", "ERR_NOT_FOUND", "ERR_UNSAFE_ADDRESS"})
"""Errors that come again however often it is tried."""


def line(progress: Progress, doing: str = "") -> str:
    """Return progress as one line of plain text; `doing` is said in the place of the phase."""
    parts = (
        words.percent(progress.fraction),
        amount(progress) if progress.done or progress.total else "",
        words.speed(progress.speed),
        remaining(progress),
        name(progress.file),
    )
    return f"{doing or name(progress.phase)}: {', '.join(part for part in parts if part)}".removesuffix(": ")


def change(job: Job) -> str:
    """Return how a job is now, as one line."""
    if job.state == "running" and job.progress is not None:
        return f"{name(job.id)}  {line(job.progress, doing(job.progress.phase, job.kind))}"
    return f"{name(job.id)}  {state(job)}: {name(job.subject)}"


def listing(jobs: Sequence[Job], now: datetime, width: int | None) -> str:
    """Return the jobs as a table, the newest first, with how to go on with those that were interrupted."""
    if not jobs:
        return "There are no downloads.\n"
    newest = sorted(jobs, key=lambda job: job.created_at, reverse=True)
    return render(_COLUMNS, [_row(job, now) for job in newest], width) + _advice(newest)


def _row(job: Job, now: datetime) -> tuple[str, ...]:
    done = words.percent(job.progress.fraction) if job.progress and job.state != "completed" else ""
    return name(job.id), name(job.subject), job.kind, state(job), done, words.ago(job.created_at, now)


def _advice(jobs: Sequence[Job]) -> str:
    """Name the newest job, of `jobs` with the newest first, that is worth going on with."""
    done = set[str]()
    for job in jobs:
        is_over = job.subject in done or (job.error is not None and job.error.code in _VAIN)
        if job.state in ("paused", "interrupted", "failed") and not is_over:
            return f"\nNext: papin downloads resume {name(job.id)}\n"
        if job.state == "completed":
            done.add(job.subject)
    return ""
