"""Advice: which models would suit this machine and user."""

from __future__ import annotations

import trio

from papin._operations._catalogs import Catalogs
from papin._operations._models import Models
from papin._operations._services import Services
from papin.memory import estimate_variant
from papin.recommenders import Candidate, Recommendation


class Advice:
    """What to install next."""

    def __init__(self, services: Services, catalogs: Catalogs, models: Models) -> None:
        self._services = services
        self._catalogs = catalogs
        self._models = models

    async def recommend(self) -> tuple[Recommendation, ...]:
        """Return what the recommenders think of everything that the catalogs here have, the best first."""
        installed = await self._models.installed()
        refs = {model.ref for model in installed}
        candidates = [
            Candidate(variant=variant, memory=estimate_variant(variant), installed=variant.ref in refs)
            for entry in await self._catalogs.entries()
            for variant in entry.variants
        ]
        machine = await trio.to_thread.run_sync(self._services.machine)
        ranked: list[Recommendation] = []
        for name, found in self._services.plugins.recommenders.items():
            settings = self._services.config.table("recommenders", name, found.descriptor.settings)
            ranked += found.descriptor.recommend(machine, installed, candidates, settings)
        return tuple(sorted(ranked, key=lambda each: (-each.score, each.ref)))
