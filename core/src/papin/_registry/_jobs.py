"""Jobs as rows: who owns them, what they were asked, how far they are."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec

from papin._registry._owner import Owner
from papin._registry._times import from_stored, to_stored
from papin.errors import Problem
from papin.models import Job, Progress

__all__ = ["ENDED", "OPEN", "insert_job", "load_jobs", "owner_of", "update_job"]

OPEN: Final = frozenset({"queued", "running"})
"""States of a job that some process is at."""

ENDED: Final = frozenset({"completed", "failed", "cancelled"})
"""States that a job ends in; `interrupted` and `paused` are neither open nor ended."""

_KEEP = 1000  # ended jobs that are kept for people to look at

_COLUMNS = (
    "id, kind, subject, state, created_at, updated_at, model, progress, error, waiting, speed_limit, hours,"
    " waits_until, warnings"
)
_every = f"SELECT {_COLUMNS} FROM jobs ORDER BY key"  # noqa: S608  a constant
_one = f"SELECT {_COLUMNS} FROM jobs WHERE id = ?"  # noqa: S608  a constant
_progress = msgspec.json.Decoder(Progress)
_problem = msgspec.json.Decoder(Problem)
_texts = msgspec.json.Decoder(tuple[str, ...])


def _blob(value: Progress | Problem | None) -> bytes | None:
    return None if value is None else msgspec.json.encode(value)


def _job(row: Any) -> Job:
    progress, error = row[7:9]
    return Job(
        id=row[0],
        kind=row[1],
        subject=row[2],
        state=row[3],
        created_at=from_stored(row[4]),
        updated_at=from_stored(row[5]),
        model=row[6],
        progress=None if progress is None else _progress.decode(progress),
        error=None if error is None else _problem.decode(error),
        waiting=row[9],
        limit=row[10],
        between=row[11],
        waits_until=None if row[12] is None else from_stored(row[12]),
        warnings=_texts.decode(row[13]),
    )


def load_jobs(connection: sqlite3.Connection, job_id: str | None = None) -> tuple[Job, ...]:
    """Return the job of that id if there is one, or all jobs, the oldest first."""
    rows = connection.execute(_every) if job_id is None else connection.execute(_one, (job_id,))
    return tuple(_job(row) for row in rows)


def owner_of(connection: sqlite3.Connection, job_id: str) -> Owner:
    """Return the process that last had the job, which must exist."""
    query = "SELECT owner_pid, owner_boot, owner_started FROM jobs WHERE id = ?"
    pid, boot, started = connection.execute(query, (job_id,)).fetchone()
    return Owner(pid=pid, boot=boot, started=started)


def insert_job(connection: sqlite3.Connection, job: Job, request: bytes, owner: Owner) -> None:
    """Add a job, and drop those that ended long ago."""
    connection.execute(
        "INSERT INTO jobs (kind, subject, state, created_at, updated_at, model, progress, error, waiting, waits_until,"
        " warnings, speed_limit, hours, id, request, owner_pid, owner_boot, owner_started)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *_values(job),
            msgspec.json.encode(job.warnings),
            job.limit,
            job.between,
            job.id,
            request,
            owner.pid,
            owner.boot,
            owner.started,
        ),
    )
    connection.execute(
        "DELETE FROM jobs WHERE state IN ('completed', 'failed', 'cancelled')"
        " AND key <= (SELECT max(key) FROM jobs) - ?",
        (_KEEP,),
    )


def update_job(connection: sqlite3.Connection, job: Job) -> bool:
    """Replace what is recorded of the job; return whether it exists. Its owner, request, terms and warnings stay."""
    query = (
        "UPDATE jobs SET kind = ?, subject = ?, state = ?, created_at = ?, updated_at = ?, model = ?, progress = ?,"
        " error = ?, waiting = ?, waits_until = ? WHERE id = ?"
    )
    return connection.execute(query, (*_values(job), job.id)).rowcount == 1


def _values(job: Job) -> tuple[object, ...]:
    return (
        job.kind,
        job.subject,
        job.state,
        to_stored(job.created_at),
        to_stored(job.updated_at),
        job.model,
        _blob(job.progress),
        _blob(job.error),
        job.waiting,
        None if job.waits_until is None else to_stored(job.waits_until),
    )
