"""Storage: what is held where, and what may go."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

import trio

from papin._operations._dedupe import Dedupe, OnProgress
from papin._operations._models import Models
from papin._operations._providers import Providers
from papin._operations._services import Services, ignore
from papin.answers import DedupePlan
from papin.errors import InUse, NotFound, PapinError
from papin.events import CleanupDone
from papin.policies import Cleanup, Inventory, Removal
from papin.storages import Account

_log = logging.getLogger("papin.kernel")
_LOOK_EVERY = 60.0
"""Seconds after which programs that stay look again whether there is something to read."""


def allowed(removals: Sequence[Removal], inventory: Inventory) -> tuple[Removal, ...]:
    """Return what may really go: each model once, none that is loaded, a favourite, or unknown."""
    kept = {model.id for model in inventory.models if not model.favourite} - inventory.loaded
    chosen: dict[str, Removal] = {}
    for removal in removals:
        if removal.model in kept:
            chosen.setdefault(removal.model, removal)
    return tuple(chosen.values())


class Storage:
    """The places where model bytes live."""

    def __init__(self, services: Services, models: Models, providers: Providers) -> None:
        self._services = services
        self._models = models
        self._dedupe = Dedupe(services, models, providers)

    async def account(self) -> tuple[Account, ...]:
        """Return what each storage holds."""
        return tuple([await (await self._services.storage(name)).account() for name in self._services.plugins.storages])

    async def plan_cleanup(self) -> tuple[Removal, ...]:
        """Return what the cleanup policies would remove, with reasons; nothing is removed."""
        inventory = await self._inventory()
        now = datetime.now(UTC)
        wanted: list[Removal] = []
        for name, found in self._services.plugins.policies.items():
            settings = self._services.config.table("policies", name, found.descriptor.settings)
            wanted += found.descriptor.plan(inventory, now, settings)
        return allowed(wanted, inventory)

    async def _inventory(self) -> Inventory:
        models = await self._models.installed()
        loaded = frozenset(each.model for each in await self._models.loaded())
        account = await (await self._services.storage()).account()
        frees = {model.id: await self._models.frees(model) for model in models}
        return Inventory(models=models, loaded=loaded, frees=frees, free=account.free, total=account.total)

    async def cleanup(self, removals: Sequence[Removal]) -> Cleanup:
        """Remove what a plan says; a model that was loaded since it was made is left, one that went is passed over."""
        removed, left, freed = [], [], 0
        for removal in removals:
            try:
                freed += (await self._models.remove(removal.model)).frees
            except InUse:
                left.append(removal.model)
            except NotFound:
                continue
            else:
                removed.append(removal)
        done = CleanupDone(models=tuple(each.model for each in removed), freed=freed)
        await self._services.records.change(lambda write: write.journal(done))
        return Cleanup(removed=tuple(removed), freed=freed, left=tuple(left))

    async def keep_read(self) -> None:
        """Read what other programs may have a second time, now and as they get more, until cancelled.

        For programs that stay, so that their lists tell of second copies; each file is read once while it does not
        change, one after the other, and no program is asked for that: what is recorded of them counts. Nothing is read
        where `read_in_background` of the configuration is false.
        """
        seen: object = None
        while self._services.config.core.read_in_background:
            recorded = await self._services.records.read(lambda read: read.inventories())
            if recorded != seen:
                try:
                    await self._dedupe.read_twins(recorded)
                except PapinError as error:
                    _log.warning("%s", error.message)  # it is tried again when something changes
            seen = recorded
            await trio.sleep(_LOOK_EVERY)

    async def plan_dedupe(self, *, on_progress: OnProgress = ignore) -> DedupePlan:
        """Return which contents of papin other programs have stored a second time, and what links would free.

        Files of which nobody knows the digest are read for that, and not again while they do not change.
        """
        return await self._dedupe.plan(on_progress)

    async def dedupe(self, plan: DedupePlan) -> DedupePlan:
        """Replace the second copies of a plan by links to papin's payloads; return what was done.

        Each program keeps its models under its own names. A file that changed since the plan is left, and told.
        """
        return await self._dedupe.carry_out(plan)
