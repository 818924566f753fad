"""Making papin's models usable in other programs, and taking that back: intent, share, record.

The intent is recorded before anything happens, and the placement in its stead after it did, so that a crash in between
leaves something to finish: the next start shares again, which is once, or drops what cannot be done any more.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import trio

from papin._operations._finding import find
from papin._operations._providers import Providers
from papin._operations._services import Services
from papin._registry import Write
from papin.errors import Conflict, EngineMissing, InUse, NotFound, PapinError, ProviderFailed
from papin.events import ModelChanged
from papin.models import Model, Placement
from papin.providers import Shares
from papin.shelf import is_foreign

_CLEAN_UP = 3.0
_FINISH_WITHIN = 3.0
_log = logging.getLogger("papin.kernel")


class Sharing:
    """The part of `Models` that has to do with other programs."""

    def __init__(self, services: Services, providers: Providers) -> None:
        self._services = services
        self._providers = providers

    async def share(self, ref: str, provider: str, *, name: str = "", copy: bool = False) -> Model:
        """Make an installed model usable in `provider` under `name`, without a second copy unless `copy` allows it.

        What was made is the last of the placements that are returned.

        Raises:
            NotFound: there is no such model, or provider.
            Conflict: the provider has another model of that name.
            FormatInvalid: it does not run the format.
            ProviderFailed: it cannot share, or is not there.
            StorageFailed: its folder cannot be written, or no link leads there.
        """
        model = await find(self._services, self._providers, ref)
        if is_foreign(model):
            raise ProviderFailed(
                f"{model.id} is a model of {model.source}, and papin does not have it",
                next_step=f"Take it in first: papin models import --from {model.source} {_name_of(model)}",
            )
        async with self._alone():
            wanted = name or model.id
            existed = await self._is_listed(provider, wanted)
            await self._services.records.change(lambda write: write.begin_share(provider, wanted, model.id))
            try:
                placement = await self._share(model, provider, wanted, copy=copy)
            except BaseException as error:
                await self._give_up(provider, wanted, undo=not existed and not isinstance(error, Conflict))
                raise
            shared = await self._record(model, placement, wanted)
        await self._providers.refresh([provider])
        return shared

    async def _is_listed(self, provider: str, name: str) -> bool:
        await self._providers.refresh([provider])
        shelf = await self._services.records.read(lambda read: read.shelf())
        return shelf.holder(provider, name) is not None

    async def _share(self, model: Model, provider: str, name: str, *, copy: bool) -> Placement:
        paths = await self._services.files.paths(model)
        async with self._providers.asking(provider) as session:
            if isinstance(session, Shares):
                return await session.share(model, paths, name=name, copy=copy)
        why = self._providers.descriptor(provider).lacks.get("shares", "It has no way to take models of others.")
        raise ProviderFailed(f"{provider} cannot share models: {why}", next_step="papin providers list")

    async def _give_up(self, provider: str, name: str, *, undo: bool) -> None:
        with trio.move_on_after(_CLEAN_UP, shield=True):
            if undo:
                try:
                    async with self._providers.asking(provider) as session:
                        if isinstance(session, Shares):
                            await session.unshare(name)
                except PapinError as error:
                    _log.warning("%s", error.message)
            await self._services.records.change(lambda write: write.end_share(provider, name))

    async def _record(self, model: Model, placement: Placement, name: str) -> Model:
        def apply(write: Write) -> Model:
            old = write.model(model.id)
            others = [each for each in old.placements if not _is_same(each, placement)]
            new = msgspec.structs.replace(old, placements=(*others, placement))
            write.edit_model(new)
            write.end_share(placement.provider, name)
            write.journal(ModelChanged(model=new.id))
            return new

        return await self._keep(await self._services.records.change(apply))

    async def _keep(self, model: Model) -> Model:
        storage = await self._services.storage(model.files[0].storage if model.files else "")
        await storage.remember(model)
        return model

    async def share_again(self, model_id: str) -> None:
        """Make other programs that have a model by a link of papin's have the files that it has now.

        Raises:
            PapinError: as `share` and `unshare`.
        """
        # As it is recorded: what providers list now are the files that it had, which is no placement of these.
        recorded = await self._services.records.read(lambda read: read.model(model_id))
        for provider in dict.fromkeys(placement.provider for placement in recorded.placements):
            await self.unshare(model_id, provider)
        for placement in recorded.placements:
            await self.share(model_id, placement.provider, name=placement.reference)

    async def unshare(self, ref: str, provider: str) -> Model:
        """Take back what `share` made in `provider`; papin's own files stay.

        Raises:
            NotFound: papin did not share it there.
            InUse: it is loaded there.
        """
        model = await find(self._services, self._providers, ref)
        recorded = await self._placements(model.id, provider)
        if not recorded:
            raise NotFound(
                f"papin has not shared {model.id} with {provider}",
                next_step=f"What {provider} has by itself is removed by its name: papin providers show {provider}",
            )
        await self._check_unloaded(provider, recorded)
        async with self._alone():
            async with self._providers.asking(provider) as session:
                if not isinstance(session, Shares):
                    raise ProviderFailed(f"{provider} cannot share models", next_step="papin providers list")
                for each in recorded:
                    await session.unshare(each.reference)
            left = await self._forget(model, recorded)
        await self._providers.refresh([provider])
        return left

    async def _placements(self, model_id: str, provider: str) -> tuple[Placement, ...]:
        if ":" in model_id:
            return ()
        model = await self._services.records.read(lambda read: read.model(model_id))
        return tuple(each for each in model.placements if each.provider == provider)

    async def _check_unloaded(self, provider: str, placements: tuple[Placement, ...]) -> None:
        references = {each.reference for each in placements}
        for each in await self._providers.loaded([provider]):
            if each.reference in references:
                raise InUse(f"{provider} has {each.reference} loaded", next_step=f"papin models unload {each.model}")

    async def _forget(self, model: Model, gone: tuple[Placement, ...]) -> Model:
        def apply(write: Write) -> Model:
            old = write.model(model.id)
            new = msgspec.structs.replace(old, placements=tuple(each for each in old.placements if each not in gone))
            write.edit_model(new)
            write.journal(ModelChanged(model=new.id))
            return new

        return await self._keep(await self._services.records.change(apply))

    async def finish_shares(self) -> None:
        """Finish the shares that a crash left; what cannot be finished is dropped, what cannot be asked now is kept.

        It takes no time when there are none, and a few seconds at the most.
        """
        try:
            if not await self._services.records.read(lambda read: read.shares()):
                return
            with trio.move_on_after(_FINISH_WITHIN):
                async with self._alone():  # somebody who is at it now needs no help
                    for share in await self._services.records.read(lambda read: read.shares()):
                        await self._finish(*share)
        except PapinError as error:
            _log.warning("%s", error.message)

    async def _finish(self, provider: str, name: str, model_id: str) -> None:
        try:
            model = await self._services.records.read(lambda read: read.model(model_id))
            await self._record(model, await self._share(model, provider, name, copy=False), name)
        except EngineMissing:
            return  # it is not there now: another time
        except PapinError as error:
            _log.warning("%s", error.message)
            await self._services.records.change(lambda write: write.end_share(provider, name))

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Be the only one, of all processes, that shares or takes back."""
        async with self._services.locked("share"):
            yield


def _is_same(one: Placement, other: Placement) -> bool:
    return (one.provider, one.reference) == (other.provider, other.reference)


def _name_of(model: Model) -> str:
    return model.id.partition(":")[2]
