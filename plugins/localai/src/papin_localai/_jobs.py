"""The jobs of LocalAI: what a status means (pure), and waiting for the end of one."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Literal

import msgspec
import trio

from papin.errors import Cancelled, ProviderFailed, TransferFailed, TransferTimeout
from papin.models import Phase, Progress
from papin_localai._api import Api, quoted, refusal

__all__ = ["JobStatus", "outcome", "progress_of", "wait_for"]

_EVERY = 0.25  # seconds; LocalAI tells the state of a job only to who asks
_REGISTERING = 10.0  # seconds that a worker may take until it knows of a job
_WHOLE = 100.0

Outcome = Literal["running", "done", "failed", "cancelled", "paused"]

_PHASES: dict[str, Phase] = {
    "queued": "queued",
    "resolving": "resolving",
    "downloading": "downloading",
    "verifying": "verifying",
    "committing": "committing",
    "persisting": "committing",
}


class JobStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A status as LocalAI sends it. `error` is a text, and in older versions an object or null."""

    processed: bool = False
    error: Any = None
    message: str = ""
    progress: float = 0.0
    phase: str = ""
    current_bytes: int = 0
    total_bytes: int = 0
    file_name: str = ""
    cancelled: bool = False


def outcome(status: JobStatus) -> Outcome:
    """Return how far a job is.

    A job that was cancelled and one that was paused differ by their message alone. One that is processed without an
    error, a message of completion or all of its progress is still installing what comes with the model.
    """
    if status.error:
        return "failed"
    if status.cancelled:
        return "paused" if status.message == "paused" else "cancelled"
    if status.processed and (status.message == "completed" or status.progress >= _WHOLE):
        return "done"
    return "running"


def progress_of(status: JobStatus, before: Progress | None) -> Progress:
    """Return the progress that a status tells, never behind `before`; bytes where it has them."""
    done = max(0, status.current_bytes, before.done if before else 0)
    total = status.total_bytes if status.total_bytes > 0 else None
    return Progress(
        phase=_PHASES.get(status.phase, "downloading"),
        done=done if total is None else min(done, total),
        total=total,
        file=status.file_name[-80:],
    )


async def wait_for(api: Api, job: str, report: Callable[[Progress], None], patience: float) -> JobStatus:
    """Return the last status of `job`, reporting on the way; one that failed is an answer and not an error.

    Raises:
        TransferTimeout: nothing changed for `patience` seconds.
        ProviderFailed: LocalAI does not know the job (any more).
        EngineMissing: it is gone.
    """
    seen: Progress | None = None
    last: JobStatus | None = None
    began = changed = trio.current_time()
    while True:
        status = await _status(api, job)
        now = trio.current_time()
        if status is None and (last is not None or now - began > _REGISTERING):
            raise ProviderFailed(
                "LocalAI does not know the job any more; it was restarted, perhaps",
                next_step="papin models list shows what it has now.",
            )
        if status is not None:
            if status != last:
                changed = now
            last = status
            if outcome(status) != "running":
                return status
            seen = progress_of(status, seen)
            report(seen)
        if now - changed > patience:
            raise TransferTimeout(
                f"LocalAI made no progress for {patience:.0f} s", next_step="Look at its log, and try again."
            )
        await trio.sleep(_EVERY)


async def _status(api: Api, job: str) -> JobStatus | None:
    answer = await api.send("GET", f"/models/jobs/{quoted(job)}")
    if answer.status in (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.NOT_FOUND):
        return None  # that is how it says that it knows no such job
    if answer.status != HTTPStatus.OK:
        raise refusal(answer)
    try:
        return answer.json(JobStatus)
    except TransferFailed as error:
        raise ProviderFailed(error.message, next_step=error.next_step) from error


def failure(status: JobStatus, reference: str, *, is_there: bool) -> ProviderFailed | Cancelled | None:
    """Return what is wrong when a job for `reference` ended so, and the model is there or not; None: nothing.

    A job may fail although the model was installed, because a backend for it was not: then both facts are told.
    """
    how = outcome(status)
    if how == "done" and is_there:
        return None
    if how in ("cancelled", "paused"):
        return Cancelled(f"LocalAI {how} the installation of {reference}", next_step="Ask for it again to go on.")
    why = str(status.error or status.message or "it gave no reason")[:300]
    if is_there:
        return ProviderFailed(
            f"{reference} is in LocalAI now, but its installation ended with an error: {why}",
            next_step="Try it; if it does not run, its backend is missing: install that in LocalAI.",
        )
    return ProviderFailed(f"LocalAI could not install {reference}: {why}", next_step="Its log says more.")
