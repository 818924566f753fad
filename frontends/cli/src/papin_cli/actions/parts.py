"""Showing what papin is made of, how things stand, and advice."""

from __future__ import annotations

from datetime import UTC, datetime

from papin.kernel import Kernel
from papin_cli._session import Session
from papin_cli.views import advice, parts
from papin_cli.views import overview as view
from papin_cli.views.overview import UNFINISHED, Overview, Recorded

__all__ = ["catalogs", "overview", "plugins", "providers", "recommend"]


async def overview(session: Session, begun: Recorded | None) -> None:
    """Show how things stand, or the rest of that where `begun` was shown before."""
    out = session.out
    found = await _overview(session.kernel, begun)
    if out.json:
        out.document(found)
    out.text(view.rest(found, begun) if begun else view.text(found), end="")


async def _overview(kernel: Kernel, begun: Recorded | None) -> Overview:
    """Return how things stand, without what `begun` told already."""
    return Overview(
        models=() if begun else await kernel.models.list(),
        loaded=await kernel.models.loaded(),
        unfinished=() if begun else tuple(job for job in await kernel.downloads.list() if job.state in UNFINISHED),
        providers=await kernel.providers.list(),
        storages=await kernel.storage.account(),
        updates=() if begun else await kernel.updates.available(),
    )


async def providers(session: Session) -> None:
    """Show the providers."""
    found = await session.kernel.providers.list()
    if session.out.json:
        session.out.document(found)
    session.out.text(parts.providers(found, session.out.width), end="")


async def catalogs(session: Session) -> None:
    """Show the catalogs."""
    found = await session.kernel.catalogs.list()
    if session.out.json:
        session.out.document(found)
    session.out.text(parts.catalogs(found, datetime.now(UTC), session.out.width), end="")


async def plugins(session: Session) -> None:
    """Show the plugins."""
    found = session.kernel.plugins()
    if session.out.json:
        session.out.document(found)
    session.out.text(parts.plugins(found, session.out.width), end="")


async def recommend(session: Session, task: str = "") -> None:
    """Show what suits this machine and a task."""
    found = await session.kernel.advice.recommend(task)
    if session.out.json:
        session.out.document(found)
    session.out.text(advice.recommendations(found, session.out.width), end="")
