"""How a job can end, and what is recorded of it."""

from __future__ import annotations

import logging
from datetime import datetime

import msgspec

from papin.errors import PapinError, Problem
from papin.events import (
    DownloadCancelled,
    DownloadCompleted,
    DownloadFailed,
    DownloadInterrupted,
    DownloadPaused,
    Event,
)
from papin.models import Job

_log = logging.getLogger("papin.jobs")


class Completed(msgspec.Struct, frozen=True):
    """It did what it should, for the model of that id."""

    model: str


class Failed(msgspec.Struct, frozen=True):
    """It ended with an error."""

    problem: Problem


class Cancelled(msgspec.Struct, frozen=True):
    """The user ended it."""


class Paused(msgspec.Struct, frozen=True):
    """The user stopped it for now."""


class Interrupted(msgspec.Struct, frozen=True):
    """Its process ended before it did."""


Ending = Completed | Failed | Cancelled | Paused | Interrupted


def ended(job: Job, ending: Ending, now: datetime) -> Job:
    """Return `job` as it is after `ending`."""
    job = msgspec.structs.replace(job, waiting="", waits_until=None)
    match ending:
        case Completed(model=model):
            return msgspec.structs.replace(job, state="completed", model=model, updated_at=now)
        case Failed(problem=problem):
            return msgspec.structs.replace(job, state="failed", error=problem, updated_at=now)
        case Cancelled():
            return msgspec.structs.replace(job, state="cancelled", updated_at=now)
        case Paused():
            return msgspec.structs.replace(job, state="paused", updated_at=now)
        case Interrupted():
            return msgspec.structs.replace(job, state="interrupted", updated_at=now)


def event_of(job: Job, ending: Ending) -> Event | None:
    """Return the event that tells of it; what is no download or import has none."""
    if job.kind == "verify":
        return None
    match ending:
        case Completed(model=model):
            return DownloadCompleted(job=job.id, model=model)
        case Failed(problem=problem):
            return DownloadFailed(job=job.id, problem=problem)
        case Cancelled():
            return DownloadCancelled(job=job.id)
        case Paused():
            return DownloadPaused(job=job.id)
        case Interrupted():
            return DownloadInterrupted(job=job.id)


def failed(error: Exception, job_id: str) -> Failed:
    """Return the ending for an exception of a job's body; one that nobody expected is logged with its traceback."""
    expected = _expected(error)
    if expected is not None:
        return Failed(expected.problem())
    _log.error("job %s died of a bug", job_id, exc_info=error)
    return Failed(
        Problem(
            code=PapinError.code,
            title=PapinError.title,
            message=f"a bug in papin or a plugin ended it ({type(error).__name__})",
            next_step="Try again; if it stays so, report it together with what papin logged.",
        )
    )


def _expected(error: BaseException) -> PapinError | None:
    """Return the first error of a tree of exceptions of which all are papin's."""
    if isinstance(error, PapinError):
        return error
    if not isinstance(error, BaseExceptionGroup):
        return None
    inside = [_expected(each) for each in error.exceptions]
    return inside[0] if all(inside) else None
