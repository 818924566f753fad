"""Advice: which models would suit this machine and user."""

from __future__ import annotations

import trio

from papin._operations._catalogs import Catalogs
from papin._operations._models import Models
from papin._operations._services import Services
from papin.memory import estimate_variant
from papin.recommenders import Candidate, Recommendation
from papin.variants import choose


class Advice:
    """What to install next."""

    def __init__(self, services: Services, catalogs: Catalogs, models: Models) -> None:
        self._services = services
        self._catalogs = catalogs
        self._models = models

    async def recommend(self) -> tuple[Recommendation, ...]:
        """Return what the recommenders think of the default choice of each promising model, the best first."""
        installed = await self._models.installed()
        refs = {model.ref for model in installed}
        here = await self._catalogs.here()
        formats = {each for formats in here.providers.values() for each in formats}
        chosen = [choose(entry.variants, here.room, formats) for entry in await self._catalogs.promising()]
        candidates = [
            Candidate(variant=variant, memory=estimate_variant(variant), installed=variant.ref in refs)
            for variant in chosen
            if variant is not None
        ]
        machine = await trio.to_thread.run_sync(self._services.machine)
        ranked: list[Recommendation] = []
        for name, found in self._services.plugins.recommenders.items():
            settings = self._services.config.table("recommenders", name, found.descriptor.settings)
            ranked += found.descriptor.recommend(machine, installed, candidates, settings)
        return tuple(sorted(ranked, key=lambda each: (-each.score, each.ref)))
