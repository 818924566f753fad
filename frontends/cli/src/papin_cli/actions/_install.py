"""Downloading with a plan, a question, progress and a result; shared by all commands that install."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import aclosing

from papin import sentences
from papin.answers import DownloadPlan
from papin.errors import Cancelled
from papin.models import Job, Model
from papin.safe import name
from papin_cli._output import Output
from papin_cli._session import Session
from papin_cli.actions._ask import confirmed
from papin_cli.actions._progress import showing

__all__ = ["agree", "follow", "install", "is_wanted"]

_ASK_ABOVE = 1_000_000_000
"""A download of more bytes than this is asked about, where there is somebody to ask; the README says so."""


async def install(
    session: Session,
    ref: str,
    *,
    name: str | None = None,
    sha256: str | None = None,
    limit: int | None = None,
    between: str | None = None,
    yes: bool,
) -> tuple[Model, bool]:
    """Make sure that the model `ref` is installed; return it, and whether it was new.

    Raises:
        DiskSpace: it does not fit.
        Cancelled: the person did not want it.
        PapinError: as the download ended.
    """
    downloads = session.kernel.downloads
    plan = await downloads.plan(ref, name=name, sha256=sha256, between=between)
    await agree(session, plan, yes=yes)
    if plan.installed:
        return await session.kernel.models.show(plan.installed), False
    return await follow(session, downloads.start(ref, name=name, sha256=sha256, limit=limit, between=between)), True


async def agree(session: Session, plan: DownloadPlan, *, yes: bool) -> None:
    """Say what `plan` would fetch, and ask where it is much.

    Raises:
        DiskSpace: it does not fit.
        Cancelled: the person said no.
    """
    out = session.out
    if out.json:
        out.line("plan", plan)
    if plan.installed:
        return
    out.note(sentences.download_summary(plan))
    plan.check_fits()
    if not await is_wanted(out, plan.fetch, "Download it?", yes=yes):
        raise Cancelled("nothing was downloaded", next_step="--yes does not ask.")


async def is_wanted(out: Output, fetch: int | None, question: str, *, yes: bool) -> bool:
    """Tell whether so many bytes may be fetched: what is much, or unknown, is asked about where somebody is there."""
    much = fetch is None or fetch > _ASK_ABOVE
    return yes or not much or not out.interactive or await confirmed(out, question)


async def follow(session: Session, starting: Awaitable[Job]) -> Model:
    """Await the start of a job, show its progress to the end, and return the model.

    Raises:
        PapinError: the job's own error.
    """
    kernel, out = session.kernel, session.out
    started = await starting
    waiting, warnings, progress = "", started.warnings, None
    go_on = f"Go on with: papin models download --resume {name(started.id)}"
    with session.interrupts.advice(go_on), showing(out, started.kind) as show:
        async with aclosing(kernel.downloads.attend(started.id)) as jobs:
            async for job in jobs:
                if out.json:
                    out.line("job", job)
                if job.waiting and job.waiting != waiting:
                    out.note(f"It waits {name(job.waiting)}.")
                for warning in job.warnings[len(warnings) :]:
                    out.note(f"Warning: {name(warning)}")
                waiting, warnings = job.waiting, job.warnings
                # Who waits for a job that fetches the same sees how far that is.
                moves = job.progress != progress
                progress = job.progress
                if progress is not None and (not waiting or (moves and progress.phase == "downloading")):
                    show(progress)
    finished = await kernel.downloads.wait(started.id)
    if finished.state != "completed":
        raise Cancelled(f"the download of {finished.subject} was {finished.state}", next_step=go_on)
    return await kernel.models.show(finished.model)
