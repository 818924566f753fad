"""Verifying, removing, loading, unloading and editing installed models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

from papin import facts, sentences, verdicts
from papin.answers import Check, RemovalPlan
from papin.models import LoadedModel, LoadSettings, Model
from papin.safe import name
from papin_cli._session import Session
from papin_cli.actions._ask import must_ask
from papin_cli.actions._install import follow, is_wanted
from papin_cli.actions._progress import showing
from papin_cli.views import model_settings, providers
from papin_cli.views import models as view

__all__ = [
    "details",
    "edit",
    "load",
    "measure",
    "remove",
    "repair",
    "settings",
    "show_removals",
    "unload",
    "verify",
    "verify_all",
]


async def verify(session: Session, model: str) -> int:
    """Go through the check list of a model; return 1 when a check failed."""
    kernel, out = session.kernel, session.out
    found = await kernel.models.show(model)
    out.text(verdicts.heading(found.id))

    with ExitStack() as bar:
        show = bar.enter_context(showing(out, "verify"))

        def tell(check: Check) -> None:
            bar.close()  # what is drawn again and again must not come between the lines
            out.text(verdicts.check(check, unicode=out.unicode))

        verification = await kernel.models.verify(found.id, on_check=tell, on_progress=show)
    out.text(verdicts.verdict(verification))
    if out.json:
        out.document(verification)
    return 0 if verification.passed else 1


async def verify_all(session: Session) -> int:
    """Go through the check lists of all models of this machine; return 1 when a check failed."""
    kernel, out = session.kernel, session.out
    verifications = []
    for model in await kernel.models.list():
        if model.elsewhere:
            continue
        with showing(out, "verify") as show:
            found = await kernel.models.verify(model.id, on_progress=show)
        verifications.append(found)
        wrong = [check for check in found.checks if check.outcome in ("failed", "warning")]
        lines = [verdicts.check(check, unicode=out.unicode) for check in wrong]
        out.text("\n".join([f"{name(model.id)}: {verdicts.verdict(found)}", *lines]))
    out.text(f"\n{verdicts.summary(verifications)}")
    if out.json:
        out.document(verifications)
    return 0 if all(each.passed for each in verifications) else 1


async def measure(session: Session, model: str, *, provider: str | None) -> None:
    """Measure how fast a model is, and show it."""
    with showing(session.out, "measure") as show:
        speed = await session.kernel.models.measure(model, provider=provider, on_progress=show)
    if session.out.json:
        session.out.document(speed)
    session.out.text(facts.lines(facts.of_speeds([speed], datetime.now(UTC))), end="")


async def repair(session: Session, model: str, *, yes: bool, dry_run: bool) -> int:
    """Bring in what of a model is damaged; return 1 when the person said no.

    Raises:
        PapinError: nobody has it, or the download failed.
    """
    kernel, out = session.kernel, session.out
    with showing(out, "verify") as show:
        plan = await kernel.repairs.plan(model, on_progress=show)
    if out.json:
        out.line("plan", plan)
    if dry_run or not plan.files:
        out.text(sentences.repair(plan))
        return 0
    out.note(sentences.repair(plan))
    if not await is_wanted(out, plan.fetch, "Repair it?", yes=yes):
        out.note("Nothing was changed.")
        return 1
    repaired = await follow(session, kernel.repairs.start(plan))
    if out.json:
        out.line("model", repaired)
    out.text(f"Repaired {name(repaired.id)}.")
    return 0


async def show_removals(session: Session, models: Sequence[str]) -> None:
    """Show what removing models would do."""
    plans = await _removals(session, models)
    session.out.text("\n".join(map(sentences.removal, plans)))
    _document(session, plans)


async def remove(session: Session, models: Sequence[str], *, yes: bool, force: bool) -> int:
    """Remove models after saying what that does; return 1 when the person said no."""
    kernel, out = session.kernel, session.out
    plans = await _removals(session, models)
    out.note("\n".join(map(sentences.removal, plans)))
    what = name(plans[0].model) if len(plans) == 1 else f"these {len(plans)} models"
    if not yes and not await must_ask(out, f"Remove {what}?"):
        out.note("Nothing was removed.")
        return 1
    done = []
    for plan in sorted(plans, key=lambda plan: not plan.loaded_by):  # what is refused is refused before any is gone
        done.append(await kernel.models.remove(plan.model, force=force))
        out.text(sentences.removed(done[-1]))
    _document(session, done)
    return 0


async def _removals(session: Session, models: Sequence[str]) -> Sequence[RemovalPlan]:
    plans = [await session.kernel.models.plan_removal(model) for model in models]
    return list({plan.model: plan for plan in plans}.values())


def _document(session: Session, plans: Sequence[RemovalPlan]) -> None:
    if session.out.json:
        session.out.document(plans[0] if len(plans) == 1 else plans)


async def load(session: Session, model: str, *, settings: LoadSettings, provider: str | None) -> LoadedModel:
    """Load a model into memory."""
    loaded = await session.kernel.models.load(model, settings, provider=provider)
    if session.out.json:
        session.out.document(loaded)
    where = f", and {name(loaded.provider)} answers at {name(loaded.address)}" if loaded.address else ""
    session.out.text(f"{name(loaded.model)} is loaded by {name(loaded.provider)}{where}.")
    if loaded.ignored:
        session.out.note(f"{name(loaded.provider)} cannot take {name(', '.join(loaded.ignored))}.")
    return loaded


async def unload(session: Session, model: str, *, force: bool) -> None:
    """Take a model out of memory."""
    found = await session.kernel.models.show(model)
    was_loaded = await session.kernel.models.unload(found.id, force=force)
    if session.out.json:
        session.out.document({"model": found.id, "unloaded": was_loaded})
    session.out.text(f"{name(found.id)} is unloaded." if was_loaded else f"{name(found.id)} was not loaded.")


async def details(session: Session, model: str) -> None:
    """Show what a program says of a model that it has."""
    found = await session.kernel.models.details(model)
    if session.out.json:
        session.out.document(found)
    session.out.text(providers.said(found), end="")


async def settings(session: Session, model: str, *, provider: str | None, change: Mapping[str, str | None]) -> None:
    """Change settings of a model, here or where a provider keeps them, and show all of them."""
    models = session.kernel.models
    if change and provider is not None:
        found = await models.configure(model, provider, change)
    else:
        if change:
            await models.edit(model, settings=change)
        found = await models.settings(model, provider=provider)
    if session.out.json:
        session.out.document(found)
    session.out.text(model_settings.table(found, session.out.width), end="")


async def edit(
    session: Session,
    model: str,
    *,
    favourite: bool | None,
    add_tags: Sequence[str],
    remove_tags: Sequence[str],
    add_collections: Sequence[str],
    remove_collections: Sequence[str],
    settings: Mapping[str, str | None],
) -> Model:
    """Change what the user says of a model, and show it."""
    changed = await session.kernel.models.edit(
        model,
        favourite=favourite,
        add_tags=add_tags,
        remove_tags=remove_tags,
        add_collections=add_collections,
        remove_collections=remove_collections,
        settings=settings,
    )
    if session.out.json:
        session.out.document(changed)
    session.out.text(view.sayings(changed), end="")
    return changed
