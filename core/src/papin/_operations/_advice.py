"""Advice: which models would suit this machine and user."""

from __future__ import annotations

import msgspec
import trio

from papin._operations._catalogs import Catalogs
from papin._operations._models import Models
from papin._operations._rows import task_of
from papin._operations._services import Services
from papin.memory import estimate_variant
from papin.models import CatalogEntry, Variant
from papin.recommenders import Candidate, Recommendation
from papin.variants import choose


class Advice:
    """What to install next."""

    def __init__(self, services: Services, catalogs: Catalogs, models: Models) -> None:
        self._services = services
        self._catalogs = catalogs
        self._models = models

    async def recommend(self, task: str = "") -> tuple[Recommendation, ...]:
        """Return what the recommenders think of the default choice of each promising model, the best first.

        `task` is what it is wanted for: `chat`, `code`, `vision` and so on; empty for anything.

        Raises:
            NotFound: there is no such task; the nearest are listed.
        """
        task = task_of(task)
        installed = await self._models.installed()
        refs = {model.ref for model in installed}
        here = await self._catalogs.here()
        formats = {each for formats in here.providers.values() for each in formats}
        candidates = [
            Candidate(
                variant=_able(variant, entry),
                memory=estimate_variant(variant),
                installed=variant.ref in refs,
                downloads=entry.downloads,
            )
            for entry in await self._catalogs.promising(task)
            if (variant := choose(entry.variants, here.room, formats)) is not None
        ]
        machine = await trio.to_thread.run_sync(self._services.machine)
        ranked: list[Recommendation] = []
        for name, found in self._services.plugins.recommenders.items():
            settings = self._services.config.table("recommenders", name, found.descriptor.settings)
            ranked += found.descriptor.recommend(machine, installed, candidates, settings, task)
        return tuple(sorted(ranked, key=lambda each: (-each.score, each.ref)))


def _able(variant: Variant, entry: CatalogEntry) -> Variant:
    """Return a variant with what its model can do, where it has no list of its own."""
    return msgspec.structs.replace(variant, capabilities=variant.capabilities or entry.capabilities)
