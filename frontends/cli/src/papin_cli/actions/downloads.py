"""Downloading, importing, going on with a download, pausing and ending one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import trio

from papin.models import Job, Model
from papin.safe import name as safe
from papin.sizes import size_text
from papin_cli._session import Session
from papin_cli.actions._install import follow, install
from papin_cli.actions._progress import watching
from papin_cli.actions.sharing import share
from papin_cli.views import models, plans

__all__ = [
    "cancel",
    "download",
    "import_file",
    "import_from",
    "limit",
    "pause",
    "pull",
    "resume",
    "show_limit",
    "show_plan",
    "watch",
]

_ALL = "All downloads together"


async def show_plan(session: Session, ref: str, *, name: str | None, sha256: str | None, between: str | None) -> None:
    """Show what a download would do."""
    plan = await session.kernel.downloads.plan(ref, name=name, sha256=sha256, between=between)
    if session.out.json:
        session.out.document(plan)
    session.out.text(plans.download(plan, session.out.width), end="")


async def download(
    session: Session,
    ref: str,
    *,
    name: str | None,
    sha256: str | None,
    limit: int | None,
    between: str | None,
    share_with: str | None,
    yes: bool,
) -> None:
    """Download a model, and share it where that is asked for."""
    model, new = await install(session, ref, name=name, sha256=sha256, limit=limit, between=between, yes=yes)
    _tell(session, model, new=new)
    if share_with is not None:
        await share(session, model.id, provider=share_with, name="", copy=False, is_line=True)


async def pull(session: Session, provider: str, ref: str) -> None:
    """Let a program fetch a model by its own means."""
    await _finish(session, session.kernel.downloads.pull(provider, ref))


async def resume(session: Session, what: str, *, limit: int | None, between: str | None) -> None:
    """Go on with a download."""
    await _finish(session, session.kernel.downloads.resume(what, limit=limit, between=between))


async def import_file(session: Session, file: Path, *, name: str | None) -> None:
    """Take in a model file."""
    await _finish(session, session.kernel.downloads.import_file(file, name=name))


async def import_from(session: Session, provider: str, reference: str, *, name: str | None, copy: bool) -> None:
    """Take in a model of another program."""
    await _finish(session, session.kernel.downloads.import_from(provider, reference, name=name, copy=copy))


async def _finish(session: Session, starting: Awaitable[Job]) -> None:
    _tell(session, await follow(session, starting), new=True)


def _tell(session: Session, model: Model, *, new: bool) -> None:
    if session.out.json:
        session.out.line("model", model)
    session.out.text(models.installed(model, new=new))


async def cancel(session: Session, job: str, *, discard: bool) -> None:
    """End a download, whichever process runs it."""
    cancelled = await session.kernel.downloads.cancel(job, discard=discard)
    if session.out.json:
        session.out.document(cancelled)
    what = f"{safe(cancelled.id)} ({safe(cancelled.subject)})"
    arrived = "What arrived is removed." if discard else "What arrived is kept; --discard removes it."
    ended = f"Asked {what} to end." if cancelled.state in ("queued", "running") else f"Ended {what}."
    session.out.text(f"{ended} {arrived}")


async def pause(session: Session, job: str) -> None:
    """Stop a download for now, whichever process runs it."""
    paused = await session.kernel.downloads.pause(job)
    if session.out.json:
        session.out.document(paused)
    what = f"{safe(paused.id)} ({safe(paused.subject)})"
    stopped = f"Asked {what} to pause." if paused.state in ("queued", "running") else f"Paused {what}."
    session.out.text(f"{stopped} What arrived is kept.\n\nNext: papin downloads resume {safe(paused.id)}")


async def limit(session: Session, job: str, rate: int | None) -> None:
    """Limit how fast one download is, or all together."""
    limited = await session.kernel.downloads.limit(rate, job)
    what = f"{safe(limited.id)} ({safe(limited.subject)})" if limited else _ALL
    if session.out.json:
        session.out.document(limited or {"limit": rate})
    session.out.text(f"{what}: {_rate(rate)}.")


async def show_limit(session: Session) -> None:
    """Show how fast all downloads together may be."""
    rate = await session.kernel.downloads.limit_of_all()
    if session.out.json:
        session.out.document({"limit": rate})
    session.out.text(f"{_ALL}: {_rate(rate)}.")


def _rate(rate: int | None) -> str:
    return "no limit" if rate is None else f"at most {size_text(rate)} a second"


async def watch(session: Session, job: str | None) -> None:
    """Show what changes of a download, or of all that run or wait now, until they are over."""
    downloads = session.kernel.downloads
    if job is not None:
        watched = [await downloads.status(job)]
    else:
        watched = [each for each in await downloads.list() if each.state in ("queued", "running")]
    if not watched and not session.out.json:
        session.out.text("No download runs or waits.")
    with watching(session.out) as show:
        async with trio.open_nursery() as nursery:
            for each in watched:
                nursery.start_soon(_watch, session, each.id, show)


async def _watch(session: Session, job: str, show: Callable[[Job], None]) -> None:
    async with aclosing(session.kernel.downloads.follow(job)) as changes:
        async for each in changes:
            show(each)
