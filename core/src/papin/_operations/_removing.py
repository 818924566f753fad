"""Removing a model: papin's own, or one of a provider that the user named."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import msgspec
import trio

from papin import words
from papin._operations._removal import claims, dangling, plan_foreign_removal, plan_removal, sweep
from papin._operations._running import Running, answering
from papin._operations._sharing import Sharing
from papin._registry import Read, Write
from papin.answers import RemovalPlan
from papin.errors import InUse, NameInvalid, ProviderFailed
from papin.events import ModelRemoved
from papin.models import LoadedModel, Model, StoredFile
from papin.providers import Removes
from papin.shelf import is_foreign


class Removing(Running, Sharing):
    """The part of `Models` that removes."""

    async def plan_removal(self, ref: str) -> RemovalPlan:
        """Return what removing a model would free and what would stay, and why.

        Raises:
            NotFound, Ambiguous: as `show`.
            NameInvalid: it is a model of a provider, and `ref` is no more than the begin of its name.
        """
        model = await self._find(ref)
        if is_foreign(model):
            _check_named(model, ref)
            return await self._plan_foreign(model)
        return _in_use(await self._plan_own(model), await self._loaded_of(model))

    async def frees(self, model: Model) -> int:
        """Return how many bytes the removal of an installed model would free."""
        return (await self._plan_own(model)).frees

    async def _plan_own(self, model: Model) -> RemovalPlan:
        read = self._services.records.read
        users = await read(lambda read: _users(read, model))
        frees = {file.sha256: await self._frees(file) for file in model.files}
        recorded = await read(lambda read: read.model(model.id).placements)
        return plan_removal(model, users, frees, dangling(recorded))

    async def _frees(self, file: StoredFile) -> int:
        return await (await self._services.storage(file.storage)).frees(file.sha256)

    async def _plan_foreign(self, model: Model) -> RemovalPlan:
        shelf = await self._services.records.read(lambda read: read.shelf())
        found = shelf.find(model.id)
        paths = [file.path for file in found[1].model.files if file.path] if found and found[1] else []
        links = await trio.to_thread.run_sync(_links, paths)
        own = msgspec.structs.replace(
            model,
            placements=tuple(each for each in model.placements if f"{each.provider}:{each.reference}" == model.id),
        )
        return _in_use(plan_foreign_removal(model, shelf, links), await self._loaded_of(own))

    async def remove(self, ref: str, *, force: bool = False) -> RemovalPlan:
        """Remove a model; return what that did. One that only a provider has is removed by that provider.

        Raises:
            InUse: it is loaded, and `force` was not given; with it, the model is unloaded first.
            ProviderFailed: its provider cannot remove models.
        """
        plan = await self.plan_removal(ref)
        if plan.loaded_by and not force:
            now = f", {words.answering(plan.answering)}" if plan.answering else ""
            raise InUse(
                f"{plan.model} is loaded by {', '.join(plan.loaded_by)}{now}",
                next_step=f"papin models unload {plan.model}, or remove it with --force.",
            )
        if plan.loaded_by:
            await self.unload(plan.model, force=True)
        return await (self._remove_foreign(plan) if plan.owner else self._remove_own(plan))

    async def _remove_own(self, plan: RemovalPlan) -> RemovalPlan:
        services = self._services
        for provider in {each.provider for each in plan.takes_back}:
            await self.unshare(plan.model, provider)
        model = await services.records.read(lambda read: read.model(plan.model))

        def apply(write: Write) -> list[tuple[str, str]]:
            unused = write.remove_model(model.id)
            write.journal(ModelRemoved(model=model.id, freed=plan.frees))
            return [(file.storage, file.sha256) for file in unused]

        async with services.committing():
            # The sidecar goes first: one that outlived its record would bring the model back in a rebuilt registry.
            storage = await services.storage(model.files[0].storage if model.files else "")
            await storage.forget(model.id)
            unused = await services.records.change(apply)
            freed = await sweep(services, unused)
        return msgspec.structs.replace(plan, frees=freed)

    async def _remove_foreign(self, plan: RemovalPlan) -> RemovalPlan:
        provider, _, reference = plan.model.partition(":")
        async with self._providers.asking(provider) as session:
            if not isinstance(session, Removes):
                why = self._providers.descriptor(provider).lacks.get("removes", "It has no way to remove models.")
                raise ProviderFailed(
                    f"{provider} cannot remove {reference}: {why}", next_step=f"Remove it in {provider} itself."
                )
            await session.remove(reference)
        removed = ModelRemoved(model=plan.model, freed=plan.frees)
        await self._services.records.change(lambda write: write.journal(removed))
        await self._providers.refresh([provider])
        return plan


def _users(read: Read, model: Model) -> dict[str, list[str]]:
    """Return what uses each payload of `model`, by their digests: models, and downloads that are at it."""
    claimed = claims(read)
    return {
        file.sha256: [*read.users(file.sha256), *(f"the download {each}" for each in claimed.get(file.sha256, ()))]
        for file in model.files
    }


def _check_named(model: Model, ref: str) -> None:
    """Refuse to remove what papin did not create unless the user named it."""
    untagged = model.id.rpartition(":")[0]
    names = {each.reference for each in model.placements} | {model.id}
    if ref not in names and not (ref == untagged and ":" in untagged):
        raise NameInvalid(
            f"{model.id} is a model of {model.source}, and {ref[:60]!a} is not its whole name",
            next_step=f"If you mean it: papin models remove {model.id}",
        )


def _links(paths: list[str]) -> Mapping[str, int]:
    """Return how many names each of `paths` has. Blocks."""
    found = {}
    for path in paths:
        try:
            found[path] = os.stat(path).st_nlink  # noqa: PTH116  of the file that it leads to
        except OSError:
            found[path] = 1
    return found


def _in_use(plan: RemovalPlan, loaded: Sequence[LoadedModel]) -> RemovalPlan:
    """Return the plan with who has the model in memory, and how many requests are being answered."""
    by = tuple(sorted(each.provider for each in loaded))
    return msgspec.structs.replace(plan, loaded_by=by, answering=answering(loaded))
