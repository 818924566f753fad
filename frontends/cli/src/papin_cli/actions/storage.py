"""Disk space: showing it, and freeing it."""

from __future__ import annotations

from papin.policies import Cleanup
from papin_cli._session import Session
from papin_cli.actions._ask import must_ask
from papin_cli.actions._progress import showing
from papin_cli.views import plans
from papin_cli.views import storage as view

__all__ = ["cleanup", "dedupe", "show", "show_cleanup"]


async def show(session: Session) -> None:
    """Show what each storage holds."""
    found = await session.kernel.storage.account()
    if session.out.json:
        session.out.document(found)
    session.out.text(view.accounts(found), end="")


async def show_cleanup(session: Session) -> None:
    """Show what a clean-up would remove."""
    removals = await session.kernel.storage.plan_cleanup()
    if session.out.json:
        session.out.document(removals)
    session.out.text(plans.cleanup(removals, session.out.width), end="")


async def cleanup(session: Session, *, yes: bool) -> int:
    """Remove what the policies say may go, after showing it; return 1 when the person said no."""
    out = session.out
    removals = await session.kernel.storage.plan_cleanup()
    out.note(plans.cleanup(removals, out.width), end="")
    if removals and not yes and not await must_ask(out, "Remove them?"):
        out.note("Nothing was removed.")
        return 1
    done = await session.kernel.storage.cleanup(removals) if removals else Cleanup()
    if out.json:
        out.document(done)
    if removals:
        out.text(plans.cleaned(done))
    return 0


async def dedupe(session: Session, *, dry_run: bool, yes: bool) -> int:
    """Replace second copies by links, after showing them; return 1 when the person said no."""
    out, storage = session.out, session.kernel.storage
    with showing(out, "verify") as show:
        plan = await storage.plan_dedupe(on_progress=show)
    if not dry_run and plan.duplicates:
        out.note(plans.dedupe(plan, out.width), end="")
        if not yes and not await must_ask(out, "Replace them by links?"):
            out.note("Nothing was changed.")
            return 1
        plan = await storage.dedupe(plan)
    if out.json:
        out.document(plan)
    elif dry_run or not plan.duplicates:
        out.text(plans.dedupe(plan, out.width), end="")
    else:
        out.text(plans.deduped(plan))
    return 0
