"""Repairs: what of an installed model is damaged, and bringing in only that."""

from __future__ import annotations

import trio

from papin._operations._downloads import Downloads
from papin._operations._mending import damage_of
from papin._operations._models import Models
from papin._operations._services import Services, ignore
from papin._operations._verification import OnProgress, read_whole
from papin.answers import DamagedFile, RepairPlan
from papin.errors import Conflict, ProviderFailed
from papin.models import FileSource, Job, Model, StoredFile, WantedFile
from papin.shelf import is_foreign

__all__ = ["Repairs"]


class Repairs:
    """Installed models whose files are not what they were."""

    def __init__(self, services: Services, models: Models, downloads: Downloads) -> None:
        self._services = services
        self._models = models
        self._downloads = downloads

    async def plan(self, ref: str, *, on_progress: OnProgress = ignore) -> RepairPlan:
        """Read all files of a model; return what is damaged, and how much would be fetched to repair that.

        Raises:
            NotFound, Ambiguous: it is not installed, or several are meant; or nobody has what is damaged.
            ProviderFailed: it is the model of another program.
            PapinError: who has it cannot be asked.
        """
        model = await self._own(ref)
        verdicts = await read_whole(self._services, model, on_progress)
        bad = [(file, state) for file, state in verdicts if state != "ok"]
        wanted = await self._downloads.right_ones(model, [file for file, _ in bad]) if bad else ()
        files = [await self._damaged(file, state, each) for (file, state), each in zip(bad, wanted, strict=True)]
        return RepairPlan(model=model.id, ref=model.ref, files=tuple(files), fetch=sum(each.fetch for each in files))

    async def _own(self, ref: str) -> Model:
        model = await self._models.show(ref)
        if is_foreign(model):
            raise ProviderFailed(
                f"{model.id} is a model of {model.source}, which keeps its files itself",
                next_step=f"papin models remove {model.id}, then fetch it again.",
            )
        return model

    async def _damaged(self, file: StoredFile, state: str, wanted: WantedFile) -> DamagedFile:
        damage = await damage_of(self._services, file)
        is_here = any(isinstance(source, FileSource) for source in wanted.sources)
        fetch = 0 if is_here else await trio.to_thread.run_sync(damage.lost)
        return DamagedFile(name=file.name, sha256=file.sha256, size=file.size, state=state, fetch=fetch)

    async def start(self, plan: RepairPlan) -> Job:
        """Begin to bring in what `plan` found damaged, as a job; what is damaged stays until it can be replaced.

        Raises:
            Conflict: nothing is damaged.
            NotFound: the model is not installed any more.
        """
        if not plan.files:
            raise Conflict(f"nothing of {plan.model} is damaged", next_step=f"papin models verify {plan.model}")
        model = await self._services.records.read(lambda read: read.model(plan.model))
        return await self._downloads.start_repair(model, [file.sha256 for file in plan.files])
