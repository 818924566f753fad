"""Providers: the programs that run and keep models, how they are, what they have, and what is in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import trio

from papin._operations._inventories import Inventories
from papin._operations._round import Round
from papin._operations._services import Services
from papin._registry import Write
from papin.answers import ProviderStatus, ProviderView
from papin.errors import EngineMissing, NotFound, PapinError
from papin.inventories import Inventory
from papin.models import Engine, LoadedModel
from papin.providers import CAPABILITIES, Loads, Provider, ProviderSession, Reports, capabilities
from papin.shelf import Shelf

_ONE_USE = timedelta(minutes=1)


class Providers:
    """The programs that run or keep models."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._inventories = Inventories(services)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all providers."""
        return tuple(self._services.plugins.providers)

    def descriptor(self, name: str) -> Provider:
        """Return what the provider `name` says of itself.

        Raises:
            NotFound: there is none of that name.
        """
        if name not in self._services.plugins.providers:
            raise NotFound(f"There is no provider {name!a}", next_step=f"Providers here: {', '.join(self.names)}.")
        descriptor: Provider = self._services.plugins.providers[name].descriptor
        return descriptor

    @asynccontextmanager
    async def asking(self, name: str, *, bounded: bool = False) -> AsyncIterator[ProviderSession]:
        """Give the session of a provider; a bug of it is its own failure. `bounded`: it answers soon, or is given up.

        Raises:
            NotFound: there is none of that name.
            ProviderFailed: it took too long.
        """
        self.descriptor(name)
        if bounded:
            async with Round(self._services, [name]).asking(name) as session:
                yield session
        else:
            session = await self._services.provider(name)
            with self._services.sessions.guard(f"provider {name}"):
                yield session

    async def list(self) -> tuple[ProviderStatus, ...]:
        """Return every provider as it is now, all asked at once; one that fails or hangs degrades itself alone."""
        found: dict[str, ProviderStatus] = {}

        async def ask(name: str) -> None:
            found[name] = await self._status(name, asked)

        asked = Round(self._services, self.names)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._inventories.refresh)
            for name in self.names:
                nursery.start_soon(ask, name)
        inventories = await self._inventories.recorded()
        return tuple([_counted(found[name], inventories.get(name)) for name in self.names])

    async def show(self, name: str) -> ProviderView:
        """Return a provider as it is now, with everything that it has.

        Raises:
            NotFound: there is none of that name.
        """
        self.descriptor(name)
        (inventory,) = await self._inventories.refresh([name])
        status = _counted(await self._status(name, Round(self._services, [name])), inventory)
        return ProviderView(status=status, inventory=inventory if "lists" in status.capabilities else None)

    async def refresh(self, names: Iterable[str] | None = None) -> tuple[Inventory, ...]:
        """Ask providers, all of them for None, what they have now; one that cannot be asked keeps its list.

        Raises:
            NotFound: there is no such provider.
        """
        return await self._inventories.refresh(names)

    async def refresh_stale(self) -> tuple[Inventory, ...]:
        """Ask those whose folders changed since they were asked, and those that never were (`Library.is_current`)."""
        return await self._inventories.refresh_stale()

    async def notice(self, sizes: Iterable[int]) -> None:
        """See which files of providers are the same as others, after some of these sizes came in or were read.

        Nobody is asked.
        """
        await self._inventories.identify_again(sizes)

    async def _status(self, name: str, asked: Round) -> ProviderStatus:
        found = self._services.plugins.providers[name]
        descriptor = self.descriptor(name)
        words: tuple[str, ...] = ()
        engine: Engine | None = None
        loaded: tuple[LoadedModel, ...] = ()
        problem: PapinError | None = None
        try:
            async with asked.asking(name) as session:
                words = capabilities(session)
                engine, loaded = await _asked(session)
        except PapinError as error:
            problem = error
        state = "ready" if problem is None else "missing" if isinstance(problem, EngineMissing) else "failed"
        return ProviderStatus(
            name=name,
            summary=descriptor.summary,
            distribution=found.distribution,
            version=found.version,
            state=state,  # type: ignore[arg-type]  # one of the three
            capabilities=words,
            formats=descriptor.formats,
            engine=engine,
            loaded=await self._named(loaded),
            problem=problem.problem() if problem else None,
            lacks=_lacks(descriptor, words),
            accepts=descriptor.accepts,
        )

    # --- what is in memory

    async def loaded(self, names: Iterable[str] | None = None) -> tuple[LoadedModel, ...]:
        """Return what providers, all of them for None, have in memory; one that cannot be asked has nothing."""
        found: dict[str, tuple[LoadedModel, ...]] = {}

        async def ask(name: str) -> None:
            try:
                async with asked.asking(name) as session:
                    found[name] = tuple(await session.loaded()) if isinstance(session, Loads) else ()
            except PapinError:
                found[name] = ()  # told by `list`

        wanted = self.names if names is None else tuple(names)
        asked = Round(self._services, wanted)
        async with trio.open_nursery() as nursery:
            for name in wanted:
                nursery.start_soon(ask, name)
        return await self._named([each for name in wanted for each in found[name]])

    async def _named(self, found: Iterable[LoadedModel]) -> tuple[LoadedModel, ...]:
        """Give what is loaded papin's own ids, and count it as used."""
        loaded = tuple(found)
        if not loaded:
            return ()
        shelf = await self._services.records.read(lambda read: read.shelf())
        runs_files = {name for name in self.names if self.descriptor(name).runs_files}
        named = tuple([_with_id(each, shelf, own=each.provider in runs_files) for each in loaded])
        await self._services.records.change(lambda write: _count_uses(write, named), durable=False)
        return named


async def _asked(session: ProviderSession) -> tuple[Engine | None, tuple[LoadedModel, ...]]:
    engine = await session.engine() if isinstance(session, Reports) else None
    return engine, tuple(await session.loaded()) if isinstance(session, Loads) else ()


def _counted(status: ProviderStatus, inventory: Inventory | None) -> ProviderStatus:
    if inventory is None or ("lists" not in status.capabilities and not inventory.listing.models):
        return status
    if not inventory.listing.is_present and not inventory.listing.models:
        return status
    return msgspec.structs.replace(
        status, models=len(inventory.listing.models), problem=status.problem or inventory.problem
    )


def _lacks(descriptor: Provider, has: Iterable[str]) -> dict[str, str]:
    missing = [word for word in CAPABILITIES if word not in set(has)]
    return {word: descriptor.lacks.get(word, f"{descriptor.name} cannot do that.") for word in missing}


def _with_id(loaded: LoadedModel, shelf: Shelf, *, own: bool) -> LoadedModel:
    """Return what is loaded under papin's id for it: its own, the owner's of the payload, or PROVIDER:REFERENCE."""
    reference = loaded.reference or loaded.model
    found = shelf.holder(loaded.provider, reference)
    if found is not None:
        shelved, holding = found
        model = shelved.owner or holding.id
    else:
        model = loaded.model if own else f"{loaded.provider}:{reference}"
    return msgspec.structs.replace(loaded, model=model, reference=reference)


def _count_uses(write: Write, loaded: Iterable[LoadedModel]) -> None:
    # What was loaded a while after its last use was used by somebody else than papin, who counts its own runs.
    for each in loaded:
        used = write.last_use(each.model)
        at = min(each.loaded_at, datetime.now(UTC))
        if used is None or at > used + _ONE_USE:
            write.use(each.model, at)
