"""Updating installed models, and going back."""

from __future__ import annotations

from papin.discovery import Update
from papin.errors import PapinError
from papin.safe import name
from papin.sentences import describe
from papin_cli._session import Session
from papin_cli.actions._install import follow, is_wanted
from papin_cli.views import updates as view

__all__ = ["check", "rollback", "update", "update_all"]


async def check(session: Session, model: str | None) -> int:
    """Say what could be updated; return 1 when nobody could be asked."""
    found = await session.kernel.updates.check([model] if model else [])
    if session.out.json:
        session.out.document(found)
    session.out.text(view.checks(found, session.out.width), end="")
    return 1 if found and all(each.problem for each in found) else 0


async def update(session: Session, model: str, *, yes: bool) -> int:
    """Update one model; return 1 when the person said no.

    Raises:
        PapinError: its catalog cannot be asked, or the download failed.
    """
    (found,) = await session.kernel.updates.check([model])
    if found.problem is not None:
        session.out.note(describe(found.problem))
        if session.out.json:
            session.out.line("check", found)
        return 1
    if found.update is None:
        if session.out.json:
            session.out.line("check", found)
        session.out.text(f"{name(found.model)} is up to date." if found.outcome == "same" else _UNKNOWN)
        return 0
    return await _bring_in(session, found.update, yes=yes)


_UNKNOWN = "Its catalog tells nothing by which versions could be told apart; papin models verify checks what is here."


async def update_all(session: Session, *, yes: bool) -> int:
    """Update everything; return 1 when something could not be."""
    checks = await session.kernel.updates.check()
    session.out.text(view.checks(checks, session.out.width), end="")
    for each in checks if session.out.json else ():
        session.out.line("check", each)
    failed = [each for each in checks if each.problem]
    for each in checks:
        if each.update is None:
            continue
        try:
            await _bring_in(session, each.update, yes=yes)
        except PapinError as error:
            session.out.note(f"{name(each.model)}: {describe(error.problem())}")
            if session.out.json:
                session.out.line("error", error.problem())
            failed.append(each)
    return 1 if failed else 0


async def _bring_in(session: Session, update: Update, *, yes: bool) -> int:
    kernel, out = session.kernel, session.out
    if out.json:
        out.line("update", update)
    out.note(view.plan(update))
    if not await is_wanted(out, update.fetch, "Update it?", yes=yes):
        out.note("Nothing was changed.")
        return 1
    model = await follow(session, kernel.updates.start(update.model))
    if out.json:
        out.line("model", model)
    days = kernel.config.core.keep_replaced_days
    kept = f" The version before is kept for {days} days: papin models rollback {name(model.id)}" if days else ""
    out.text(f"Updated {name(model.id)}.{kept}")
    return 0


async def rollback(session: Session, model: str) -> None:
    """Go to the version before the current one: back, and the second time forward."""
    found = await session.kernel.updates.rollback(model)
    if session.out.json:
        session.out.document(found)
    model = name(found.id)
    again = f"Once more undoes that: papin models rollback {model}"
    session.out.text(f"{model} is as it was before its last change. {again}")
