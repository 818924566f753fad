"""Installed models: list, show, verify, measure, remove, edit, load, unload, chat."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from papin._operations._configuring import Configuring
from papin._operations._headers import read_header
from papin._operations._measuring import Measuring
from papin._operations._naming import Naming
from papin._operations._providers import Providers
from papin._operations._removing import Removing
from papin._operations._services import Services, ignore
from papin._operations._settings import checked_labels, checked_settings
from papin._operations._verification import OnCheck, OnProgress, verify
from papin._registry import Write
from papin.answers import Verification
from papin.events import ModelChanged
from papin.inventories import Remark
from papin.models import Header, Model
from papin.shelf import is_foreign

Said = TypeVar("Said", Model, Remark)


def _merged(old: Sequence[str], add: Sequence[str], remove: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted((set(old) | set(add)) - set(remove)))


class Models(Removing, Configuring, Measuring, Naming):
    """The models of this machine."""

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

    async def verify(self, ref: str, *, on_check: OnCheck = ignore, on_progress: OnProgress = ignore) -> Verification:
        """Go through the check list of a model, telling each check and the progress of reading as they come."""
        return await verify(self._services, self._runner_name, await self.show(ref), on_check, on_progress)

    async def _runner_name(self, model: Model) -> str:
        name, _ = await self._runners.choose(model, None, has_files=await self._has_files(model))
        return name

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
            NameInvalid: a setting that does not exist, a value of another type, or no name for a tag or a collection.
        """
        checked_labels([*add_tags, *add_collections])
        found = await self.show(ref)

        def change(old: Said) -> Said:
            return msgspec.structs.replace(
                old,
                favourite=old.favourite if favourite is None else favourite,
                tags=_merged(old.tags, add_tags, remove_tags),
                collections=_merged(old.collections, add_collections, remove_collections),
                settings=checked_settings(old.settings, settings or {}),
            )

        async with self._services.committing():
            if is_foreign(found):
                await self._records.change(lambda write: _edit_foreign(write, found.id, change))
            else:
                model = await self._records.change(lambda write: _edit_own(write, found.id, change))
                storage = await self._services.storage(model.files[0].storage if model.files else "")
                await storage.remember(model)
        return await self.show(found.id)


def _edit_own(write: Write, model_id: str, change: Callable[[Model], Model]) -> Model:
    new = change(write.model(model_id))
    write.edit_model(new)
    write.journal(ModelChanged(model=model_id))
    return new


def _edit_foreign(write: Write, model_id: str, change: Callable[[Remark], Remark]) -> None:
    provider, _, reference = model_id.partition(":")
    write.remark(provider, reference, change)
    write.journal(ModelChanged(model=model_id))
