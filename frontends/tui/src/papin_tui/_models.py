"""The pane of the models of this machine, whichever program has them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from papin import facts, sentences, verdicts, words
from papin.answers import Check, SettingsView
from papin.discovery import Update
from papin.errors import InUse
from papin.kernel import Kernel
from papin.models import Model, Progress, Speed
from papin.providers import reference_of
from papin.safe import name
from papin.sentences import describe
from papin.shelf import is_foreign
from papin_tui._chat import Chat
from papin_tui._dialogs import Choice, Reading
from papin_tui._pane import Pane
from papin_tui._show import Column, Table, cell

__all__ = ["ModelsPane"]

_COLUMNS = (
    Column("MODEL"),
    Column("SIZE", right=True),
    Column("PARAMETERS", right=True),
    Column("QUANTIZATION"),
    Column("USED"),
    Column("IN MEMORY"),
    Column("ALSO IN"),
    Column("TAGS"),
    Column("UPDATE"),
)
_NONE = "No models are here. Press 2 to find one."


class ModelsPane(Pane):
    """What is installed, and what other programs have."""

    often = 5.0  # what other programs fetch, delete or load is no event
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "chat", "Chat"),
        Binding("l", "load", "Load"),
        Binding("u", "unload", "Unload", show=False),
        Binding("v", "verify", "Verify"),
        Binding("r", "repair", "Repair", show=False),
        Binding("m", "measure", "Measure"),
        Binding("s", "share", "Share"),
        Binding("t", "unshare", "Unshare", show=False),
        Binding("f", "favourite", "Favourite", show=False),
        Binding("x", "remove", "Remove"),
        Binding("i", "import", "Import", show=False),
        Binding("g", "check_updates", "Check for updates", show=False),
        Binding("w", "update", "Update", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._table = Table(*_COLUMNS, id="model-list")
        self._sum = Static(id="model-sum", markup=False)

    def compose(self) -> ComposeResult:
        """Show the table, and a line that sums it up."""
        yield self._table
        yield self._sum

    async def read(self) -> None:
        """Show the models, and then which of them are in memory, for which programs have to be asked."""
        models, updates = await self.app.ask(_listed)
        self._show(models, {}, updates)
        loaded = await self.app.ask(lambda kernel: kernel.models.loaded())
        self._show(models, {each.model: each.provider for each in loaded}, updates)

    def _show(self, models: Sequence[Model], loaded: Mapping[str, str], updates: Mapping[str, Update]) -> None:
        now = datetime.now(UTC)
        self._table.fill(
            {model.id: row(model, loaded.get(model.id, ""), updates.get(model.id), now) for model in models}
        )
        self._sum.update(cell(total(models) if models else _NONE))

    # --- what is done with the chosen one ---

    def _with_chosen(self, what: str) -> str | None:
        model = self._table.chosen
        if model is None:
            self.app.say(f"There is no model to {what}.")
        return model

    def on_data_table_row_selected(self) -> None:
        """Show everything about a model."""
        if (model := self._table.chosen) is not None:
            self.app.begin(self._details(model))

    async def _details(self, model: str) -> None:
        async def ask(kernel: Kernel) -> tuple[Model, Sequence[Speed], SettingsView]:
            models = kernel.models
            return await models.show(model), await models.speeds(model), await models.settings(model)

        found, speeds, settings = await self.app.ask(ask)
        now = datetime.now(UTC)
        text = facts.lines([*facts.of_model(found, now), *facts.of_speeds(speeds, now)])
        self.app.push_screen(Reading(f"{text}\n{facts.lines(facts.of_settings(settings))}"))

    def action_chat(self) -> None:
        """Chat with the model."""
        if (model := self._with_chosen("chat with")) is not None:
            self.app.push_screen(Chat(model))

    def action_load(self) -> None:
        """Bring it into memory."""
        if (model := self._with_chosen("load")) is not None:
            self.app.begin(self._load(model))

    async def _load(self, model: str) -> None:
        self.app.say(f"Loading {name(model)} ...")
        loaded = await self.app.ask(lambda kernel: kernel.models.load(model))
        self.app.say(f"{name(loaded.model)} is loaded by {name(loaded.provider)}.")

    def action_unload(self) -> None:
        """Take it out of memory."""
        if (model := self._with_chosen("unload")) is not None:
            self.app.begin(self._unload(model))

    async def _unload(self, model: str) -> None:
        try:
            was_loaded = await self.app.ask(lambda kernel: kernel.models.unload(model))
        except InUse as error:
            if not await self.app.confirm(name(error.message), f"Unload {name(model)} all the same?"):
                return
            was_loaded = await self.app.ask(lambda kernel: kernel.models.unload(model, force=True))
        self.app.say(f"{name(model)} is unloaded." if was_loaded else f"{name(model)} was not loaded.")
        self.is_stale = True

    def action_verify(self) -> None:
        """Go through its check list."""
        if (model := self._with_chosen("verify")) is not None:
            self.app.begin(self._verify(model))

    async def _verify(self, model: str) -> None:
        page = Reading(verdicts.heading(model))
        await self.app.push_screen(page)

        def add(check: Check) -> None:
            page.add(verdicts.check(check, unicode=True))

        tell = self.app.bridge.told(add)
        found = await self.app.ask(lambda kernel: kernel.models.verify(model, on_check=tell))
        page.add(f"\n{verdicts.verdict(found)}")

    def action_measure(self) -> None:
        """Measure how fast it is on this machine."""
        if (model := self._with_chosen("measure")) is not None:
            self.app.begin(self._measure(model))

    async def _measure(self, model: str) -> None:
        page = Reading(f"Measuring {name(model)}, which may take minutes; closing this ends it.")

        def add(progress: Progress) -> None:
            page.add(f"{sentences.doing(progress.phase, 'measure')}: {sentences.amount(progress)}")

        tell = self.app.bridge.told(add)
        asked = self.app.ask(lambda kernel: kernel.models.measure(model, on_progress=tell))
        measuring = asyncio.ensure_future(asked)

        def end(_: object) -> None:
            measuring.cancel()

        self.app.push_screen(page, end)
        page.add(f"\n{facts.lines(facts.of_speeds([await measuring], datetime.now(UTC)))}")

    def action_repair(self) -> None:
        """Bring in what is damaged of it, after reading it and showing what that is."""
        if (model := self._with_chosen("repair")) is not None:
            self.app.begin(self._repair(model))

    async def _repair(self, model: str) -> None:
        self.app.say(f"Reading {name(model)} ...")
        plan = await self.app.ask(lambda kernel: kernel.repairs.plan(model))
        if not plan.files:
            self.app.say(sentences.repair(plan))
        elif await self.app.confirm(sentences.repair(plan), f"Repair {name(model)}?"):
            job = await self.app.ask(lambda kernel: kernel.repairs.start(plan))
            self.app.say(f"Repairing {name(job.subject)}: press 3 to see it.")

    def action_favourite(self) -> None:
        """Make it a favourite, or no more."""
        if (model := self._with_chosen("mark")) is not None:
            self.app.begin(self._favourite(model))

    async def _favourite(self, model: str) -> None:
        async def turn(kernel: Kernel) -> None:
            found = await kernel.models.show(model)
            await kernel.models.edit(model, favourite=not found.favourite)

        await self.app.ask(turn)

    def action_share(self) -> None:
        """Make it usable in another program, without a second copy."""
        if (model := self._with_chosen("share")) is not None:
            self.app.begin(self._share(model))

    async def _share(self, model: str) -> None:
        providers = await self.app.ask(lambda kernel: kernel.providers.list())
        able = [each.name for each in providers if each.state == "ready" and "shares" in each.capabilities]
        if not able:
            self.app.say("No program here can be given a model.")
            return
        provider = await self.app.push_screen_wait(Choice(f"Share {name(model)} with", able))
        if provider is not None:
            shared = await self.app.ask(lambda kernel: kernel.models.share(model, provider))
            given = [each for each in shared.placements if each.provider == provider][-1]
            self.app.say(f"{name(model)} is usable in {name(provider)} as {name(given.reference)} ({given.how}).")

    def action_unshare(self) -> None:
        """Take back what was shared."""
        if (model := self._with_chosen("unshare")) is not None:
            self.app.begin(self._unshare(model))

    async def _unshare(self, model: str) -> None:
        found = await self.app.ask(lambda kernel: kernel.models.show(model))
        places = [each.provider for each in found.placements if each.how != "in-place"]
        if not places:
            self.app.say(f"{name(model)} is shared with no program.")
            return
        provider = await self.app.push_screen_wait(Choice(f"Take {name(model)} back from", places))
        if provider is not None:
            await self.app.ask(lambda kernel: kernel.models.unshare(model, provider))
            self.app.say(f"{name(model)} is not in {name(provider)} any more.")

    def action_remove(self) -> None:
        """Remove it, after showing what that does."""
        if (model := self._with_chosen("remove")) is not None:
            self.app.begin(self._remove(model))

    async def _remove(self, model: str) -> None:
        plan = await self.app.ask(lambda kernel: kernel.models.plan_removal(model))
        forced = bool(plan.loaded_by)
        question = f"Unload and remove {name(model)}?" if forced else f"Remove {name(model)}?"
        if await self.app.confirm(sentences.removal(plan), question):
            done = await self.app.ask(lambda kernel: kernel.models.remove(model, force=forced))
            self.app.say(sentences.removed(done))

    def action_import(self) -> None:
        """Take a model of another program in, by link."""
        if (model := self._with_chosen("import")) is not None:
            self.app.begin(self._import(model))

    async def _import(self, model: str) -> None:
        found = await self.app.ask(lambda kernel: kernel.models.show(model))
        reference = reference_of(found, found.source) if is_foreign(found) else None
        if reference is None:
            self.app.say(f"{name(model)} is papin's own already.")
            return
        job = await self.app.ask(lambda kernel: kernel.downloads.import_from(found.source, reference))
        self.app.say(f"Taking in {name(job.subject)}: press 3 to see it.")

    def action_check_updates(self) -> None:
        """Ask the catalogs whether they have newer versions of anything that is installed."""
        self.app.say("Asking the catalogs ...")
        self.app.begin(self._check_updates())

    async def _check_updates(self) -> None:
        checks = await self.app.ask(lambda kernel: kernel.updates.check())
        newer = sum(check.update is not None for check in checks)
        unknown = [f"{name(each.model)}: {describe(each.problem)}" for each in checks if each.problem is not None]
        what = f"{words.count(newer, 'update')} available; w brings one in." if newer else "Nothing is newer."
        self.app.say("\n".join([what, *unknown]))
        self.is_stale = True

    def action_update(self) -> None:
        """Bring in what is newer of it, after showing what that is."""
        if (model := self._with_chosen("update")) is not None:
            self.app.begin(self._update(model))

    async def _update(self, model: str) -> None:
        _, updates = await self.app.ask(_listed)
        if model not in updates:
            self.app.say(f"Nothing newer of {name(model)} is known; g checks.")
            return
        if await self.app.confirm(newer(updates[model]), f"Update {name(model)}?"):
            job = await self.app.ask(lambda kernel: kernel.updates.start(model))
            self.app.say(f"Updating {name(job.subject)}: press 3 to see it.")


async def _listed(kernel: Kernel) -> tuple[Sequence[Model], Mapping[str, Update]]:
    """Return all models, and the updates that checks found, by model."""
    return await kernel.models.list(), {each.model: each for each in await kernel.updates.available()}


def newer(update: Update) -> str:
    """Return what an update brings."""
    what = "other weights" if update.weights else "another template or other metadata"
    fetched = "an unknown size" if update.fetch is None else words.to_fetch(update.fetch, update.reused)
    return f"{name(update.ref)} has {what}: {fetched} to fetch. The version that is here stays until that is verified."


def row(model: Model, loaded: str, update: Update | None, now: datetime) -> tuple[str, ...]:
    """Return the cells of a model, the provider that has it in memory being `loaded`."""
    others = dict.fromkeys(each.provider for each in model.placements if each.provider != model.source)
    return (
        name(model.id),
        words.size(model.size),
        words.compact(model.parameters),
        name(model.quantization),
        words.ago(model.last_used_at, now),
        name(loaded),
        name(", ".join(others)),
        name(", ".join((*(["favourite"] if model.favourite else []), *model.tags))),
        "" if update is None else "weights" if update.weights else "metadata",
    )


def total(models: Sequence[Model]) -> str:
    """Return `3 models, 1.3 GB`, and how much of it is stored twice."""
    duplicated = sum(model.duplicated for model in models)
    twice = f"; {words.size(duplicated)} of it a second time: see Space" if duplicated else ""
    return f"{sentences.models(models)}{twice}"
