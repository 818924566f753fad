"""Finding models, and bringing what is known of the catalogs up to date."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from papin import words
from papin.discovery import Refreshed
from papin.safe import name
from papin.sentences import refreshed
from papin_cli._session import Session
from papin_cli.views import discovery as view

__all__ = ["add", "browse", "refresh", "remove", "search", "show"]


async def search(session: Session, text: str, *, limit: int, online: bool) -> None:
    """Search, asking the catalogs themselves where `online`."""
    found = await session.kernel.discovery.search(text, limit=limit, online=online)
    if session.out.json:
        session.out.document(found)
    session.out.text(view.found(found, session.out.width, text), end="")


async def browse(session: Session, row: str | None, *, limit: int, task: str) -> None:
    """Show a row, or some of every row; with a task and no row, what is recommended for it."""
    discovery, out = session.kernel.discovery, session.out
    if row is None and not task:
        rows = await discovery.rows()
        if out.json:
            out.document(rows)
        out.text(view.rows(rows, out.width, await discovery.unasked()), end="")
        return
    one = await discovery.browse(row or "recommended", limit=limit, task=task)
    if out.json:
        out.document(one)
    out.text(view.row(one, out.width, await discovery.unasked()), end="")


async def show(session: Session, ref: str) -> None:
    """Show the page of a model that can be installed."""
    page = await session.kernel.discovery.show(ref)
    if session.out.json:
        session.out.document(page)
    session.out.text(view.page(page, datetime.now(UTC), session.out.width, ref), end="")


async def refresh(session: Session, catalogs: Sequence[str]) -> int:
    """Refresh catalogs, saying of each what it brought; return 1 when none could be asked."""
    out = session.out
    told: dict[str, int] = {}

    def tell(done: Refreshed) -> None:
        # A line for each doubling: a large catalog comes in many pages.
        if out.animated and done.models >= told.get(done.catalog, 1):
            told[done.catalog] = 2 * done.models
            out.note(f"{name(done.catalog)}: {words.count(done.models, 'model')} so far")

    done = await session.kernel.catalogs.refresh(catalogs, on_refresh=tell)
    if out.json:
        out.document(done)
    for each in done:
        out.text(refreshed(each))
    return 1 if done and all(each.problem for each in done) else 0


async def add(session: Session, catalog: str, address: str) -> None:
    """Add a catalog of the user's own; a relative path is meant from where they stand."""
    done = await session.kernel.catalogs.add(catalog, address, folder=Path.cwd())
    if session.out.json:
        session.out.document(done)
    models = words.count(done.models, "model")
    session.out.text(f"Added {name(catalog)}: {models}.\nNext: papin models search catalog:{name(catalog)}")


async def remove(session: Session, catalog: str) -> None:
    """Take a catalog of the user's own out."""
    done = await session.kernel.catalogs.remove(catalog)
    if session.out.json:
        session.out.document(done)
    session.out.text(f"Removed {name(catalog)}; the models that came from it stay.")
