"""Downloading, importing, going on with a download, and ending one."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path

from papin.models import Job, Model
from papin_cli._safe import name as safe
from papin_cli._session import Session
from papin_cli.actions._install import follow, install
from papin_cli.views import models, plans

__all__ = ["cancel", "download", "import_file", "resume", "show_plan"]


async def show_plan(session: Session, ref: str, *, name: str | None, sha256: str | None) -> None:
    """Show what a download would do."""
    plan = await session.kernel.downloads.plan(ref, name=name, sha256=sha256)
    if session.out.json:
        session.out.document(plan)
    session.out.text(plans.download(plan, session.out.width), end="")


async def download(session: Session, ref: str, *, name: str | None, sha256: str | None, yes: bool) -> None:
    """Download a model."""
    model, new = await install(session, ref, name=name, sha256=sha256, yes=yes)
    _tell(session, model, new=new)


async def resume(session: Session, what: str) -> None:
    """Go on with a download."""
    await _finish(session, session.kernel.downloads.resume(what))


async def import_file(session: Session, file: Path, *, name: str | None) -> None:
    """Take in a model file."""
    await _finish(session, session.kernel.downloads.import_file(file, name=name))


async def _finish(session: Session, starting: Awaitable[Job]) -> None:
    _tell(session, await follow(session, starting), new=True)


def _tell(session: Session, model: Model, *, new: bool) -> None:
    if session.out.json:
        session.out.line("model", model)
    session.out.text(models.installed(model, new=new))


async def cancel(session: Session, job: str) -> None:
    """End a download, whichever process runs it."""
    cancelled = await session.kernel.downloads.cancel(job)
    if session.out.json:
        session.out.document(cancelled)
    session.out.text(f"Asked {safe(cancelled.id)} ({safe(cancelled.subject)}) to end. What arrived is kept.")
