"""Installed models: list, show, verify, remove, edit, load, unload, chat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from papin._operations._headers import read_header
from papin._operations._providers import Providers
from papin._operations._removal import plan_removal, sweep
from papin._operations._running import Running
from papin._operations._services import Services
from papin._operations._settings import checked_settings
from papin._operations._verification import OnCheck, OnProgress, verify
from papin._registry import Write
from papin.answers import RemovalPlan, Verification
from papin.errors import InUse
from papin.events import ModelChanged, ModelRemoved
from papin.models import Header, Model, StoredFile


def _ignore(_: object) -> None:
    """Report to nobody."""


def _merged(old: Sequence[str], add: Sequence[str], remove: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted((set(old) | set(add)) - set(remove)))


class Models(Running):
    """The installed models."""

    def __init__(self, services: Services, providers: Providers) -> None:
        super().__init__(services, providers)
        self._records = services.records

    async def list(self) -> tuple[Model, ...]:
        """Return every model of this machine: the installed ones by id, then those that only providers have.

        Providers on this machine whose folders changed are asked first; nothing waits for a network.
        """
        await self._providers.refresh_stale()
        return await self._records.read(lambda read: read.everything())

    async def installed(self) -> tuple[Model, ...]:
        """Return papin's own models, by id."""
        return await self._records.read(lambda read: read.models())

    async def show(self, ref: str) -> Model:
        """Return the model that `ref` names: its id, an unambiguous begin of it, or where it came from.

        Papin's own come first; then those of providers, by `PROVIDER:NAME` or the provider's name for it.

        Raises:
            NotFound: none; the nearest are listed.
            Ambiguous: several.
        """
        return await self._find(ref)

    async def header(self, ref: str) -> Header:
        """Return what the weights of an installed model say of themselves.

        Raises:
            FormatInvalid: no format here reads them.
        """
        return await read_header(self._services, await self.show(ref))

    # --- verify ---

    async def verify(self, ref: str, *, on_check: OnCheck = _ignore, on_progress: OnProgress = _ignore) -> Verification:
        """Go through the check list of a model, telling each check and the progress of reading as they come."""
        return await verify(self._services, self._runner_name, await self.show(ref), on_check, on_progress)

    async def _runner_name(self, model: Model) -> str:
        name, _ = await self._runners.choose(model, None, has_files=await self._has_files(model))
        return name

    # --- remove ---

    async def plan_removal(self, ref: str) -> RemovalPlan:
        """Return what removing a model would free and what would stay, and why."""
        model = await self.show(ref)
        loaded = [each.provider for each in await self._providers.loaded() if each.model == model.id]
        users = await self._records.read(lambda read: {file.sha256: read.users(file.sha256) for file in model.files})
        frees = {file.sha256: await self._frees(file) for file in model.files}
        return plan_removal(model, users, frees, loaded)

    async def _frees(self, file: StoredFile) -> int:
        return await (await self._services.storage(file.storage)).frees(file.sha256)

    async def remove(self, ref: str, *, force: bool = False) -> RemovalPlan:
        """Remove a model; return what that did.

        Raises:
            InUse: it is loaded, and `force` was not given; with it, the model is unloaded first.
        """
        plan = await self.plan_removal(ref)
        if plan.loaded_by and not force:
            raise InUse(
                f"{plan.model} is loaded by {', '.join(plan.loaded_by)}",
                next_step=f"papin models unload {plan.model}, or remove it with --force.",
            )
        if plan.loaded_by:
            await self.unload(plan.model)
        return await self._remove(plan)

    async def _remove(self, plan: RemovalPlan) -> RemovalPlan:
        services = self._services
        model = await self.show(plan.model)

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

    # --- edit ---

    async def edit(
        self,
        ref: str,
        *,
        favourite: bool | None = None,
        add_tags: Sequence[str] = (),
        remove_tags: Sequence[str] = (),
        add_collections: Sequence[str] = (),
        remove_collections: Sequence[str] = (),
        settings: Mapping[str, Any] | None = None,
    ) -> Model:
        """Change what the user says of a model; what is not given stays. A setting of None is taken away.

        Raises:
            NameInvalid: a setting that does not exist, or a value of another type.
        """
        found = await self.show(ref)

        def apply(write: Write) -> Model:
            old = write.model(found.id)
            new = msgspec.structs.replace(
                old,
                favourite=old.favourite if favourite is None else favourite,
                tags=_merged(old.tags, add_tags, remove_tags),
                collections=_merged(old.collections, add_collections, remove_collections),
                settings=checked_settings(old.settings, settings or {}),
            )
            write.edit_model(new)
            write.journal(ModelChanged(model=new.id))
            return new

        async with self._services.committing():
            model = await self._records.change(apply)
            storage = await self._services.storage(model.files[0].storage if model.files else "")
            await storage.remember(model)
        return model
