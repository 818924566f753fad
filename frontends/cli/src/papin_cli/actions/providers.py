"""Asking providers what they have."""

from __future__ import annotations

from collections.abc import Sequence

from papin.inventories import Inventory
from papin_cli._session import Session
from papin_cli.views import providers as view

__all__ = ["refresh", "refresh_all", "refresh_stale", "show"]


async def refresh_all(session: Session) -> None:
    """Ask all providers; tell of those that could not be asked."""
    _tell_problems(session, await session.kernel.providers.refresh())


async def refresh_stale(session: Session) -> None:
    """Ask those that may have something else than before."""
    _tell_problems(session, await session.kernel.providers.refresh_stale())


def _tell_problems(session: Session, found: Sequence[Inventory]) -> None:
    text = view.problems(found)
    if text:
        session.out.note(text)


async def refresh(session: Session, names: Sequence[str]) -> int:
    """Ask providers anew, and show what each has; return 1 when one could not be asked."""
    found = await session.kernel.providers.refresh(names or None)
    if session.out.json:
        session.out.document(found)
    session.out.text(view.refreshed(found), end="")
    return 1 if names and any(each.problem for each in found) else 0


async def show(session: Session, name: str) -> None:
    """Show everything about one provider."""
    found = await session.kernel.providers.show(name)
    if session.out.json:
        session.out.document(found)
    session.out.text(view.details(found, session.out.width), end="")
