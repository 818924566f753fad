"""What the providers have: asked at once and each within a bound, recorded, and kept when one cannot be asked."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import trio

from papin._operations import _listings
from papin._operations._services import Services
from papin._registry import Write
from papin.errors import NotFound, PapinError, ProviderFailed
from papin.inventories import Inventory, Listing, ProviderFile, ProviderModel, Stamp, is_current, stamp
from papin.providers import Lists

BOUND = 2.0
"""Seconds that a provider may take to tell what it has."""

OPENING = 4.0
"""Seconds that all sessions together may take to open, before that: their modules are imported then."""

_Payloads = Mapping[tuple[int, int], str]


class Inventories:
    """The lists of the providers."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def recorded(self) -> dict[str, Inventory]:
        """Return what is recorded, by provider."""
        found = await self._services.records.read(lambda read: read.inventories())
        return {each.provider: each for each in found}

    async def refresh_stale(self) -> tuple[Inventory, ...]:
        """Ask those providers that were never asked, or whose folders changed since; return what they have now.

        All are asked when the configuration or what is installed changed: they may have other folders now.
        """
        seen = await self._services.records.read(lambda read: read.plugin_stamps())
        recorded = await self.recorded()
        providers = tuple(self._services.plugins.providers)
        stamps = await trio.to_thread.run_sync(self._stamps)

        def is_stale(name: str) -> bool:
            return seen != stamps or name not in recorded or not is_current(recorded[name].listing.stamps)

        stale = await trio.to_thread.run_sync(lambda: list(filter(is_stale, providers)))
        if stale or seen != stamps or set(recorded) - set(providers):
            return await self._refresh(stale, stamps)
        return ()

    async def refresh(self, names: Iterable[str] | None = None) -> tuple[Inventory, ...]:
        """Ask providers, all of them for None, what they have now; one that fails keeps its list, with its problem.

        Raises:
            NotFound: there is no such provider.
        """
        known = tuple(self._services.plugins.providers)
        wanted = known if names is None else tuple(names)
        for name in wanted:
            if name not in known:
                raise NotFound(f"There is no provider {name!a}", next_step=f"Providers: {', '.join(known)}.")
        return await self._refresh(wanted, await trio.to_thread.run_sync(self._stamps))

    async def _refresh(self, names: Sequence[str], stamps: tuple[Stamp, ...]) -> tuple[Inventory, ...]:
        old = await self.recorded()
        found: dict[str, Inventory] = {}

        async def ask(name: str) -> None:
            found[name] = await self._ask(name, old.get(name))

        await open_all(self._services, names)
        async with trio.open_nursery() as nursery:
            for name in names:
                nursery.start_soon(ask, name)
        new = tuple([await self._identified(found[name]) for name in names])

        providers = self._services.plugins.providers
        changed = [each for each in new if not _listings.is_recorded(old.get(each.provider), each)]
        seen = await self._services.records.read(lambda read: read.plugin_stamps())

        def apply(write: Write) -> None:
            write.save_inventories(changed)
            write.save_plugin_stamps(stamps, providers=providers)
            for inventory in changed:
                for event in _listings.changes(old.get(inventory.provider), inventory):
                    write.journal(event)

        if changed or seen != stamps or set(old) - set(providers):
            # A power cut may lose it: then they are asked once more.
            await self._services.records.change(apply, durable=False)
        return new

    async def identify_again(self, sizes: Iterable[int]) -> None:
        """Find out anew which recorded files are papin's own payloads, after some of these sizes came in."""
        wanted = set(sizes)
        touched = [
            inventory
            for inventory in (await self.recorded()).values()
            if any(file.size in wanted for model in inventory.listing.models for file in model.files)
        ]
        new = [await self._identified(inventory) for inventory in touched]
        if new != touched:
            await self._services.records.change(lambda write: write.save_inventories(new))

    def _stamps(self) -> tuple[Stamp, ...]:
        # Where plugins are installed, and which instances there are: what decides which providers there can be.
        folders = [folder for folder in sys.path if folder.endswith("-packages")]
        return stamp([self._services.config.file, *folders])

    async def _ask(self, name: str, old: Inventory | None) -> Inventory:
        now = datetime.now(UTC)
        empty = Inventory(provider=name, at=now, listing=Listing(is_present=False))
        try:
            listing = await self._listing(name)
        except PapinError as error:
            return _listings.kept(old, error.problem(), empty)
        if listing is None:
            return empty
        listing = await trio.to_thread.run_sync(_listings.remembered, old, listing)
        return Inventory(provider=name, at=now, listing=listing)

    async def _listing(self, name: str) -> Listing | None:
        with trio.move_on_after(BOUND):
            session = await self._services.provider(name)
            if not isinstance(session, Lists):
                return None
            with self._services.sessions.guard(f"provider {name}"):
                listing = await session.models()
            return _listings.checked(name, listing)
        raise ProviderFailed(
            f"{name} did not tell within {BOUND:g} s what it has",
            next_step=f"See whether it answers: papin providers show {name}. What it had last is still listed.",
        )

    async def _identified(self, inventory: Inventory) -> Inventory:
        files = [file for model in inventory.listing.models for file in model.files if file.path]
        if not files:
            return inventory
        payloads = await self._payloads(files)
        hashes = await self._services.records.read(lambda read: read.hashes())
        shared: set[str] = set()

        def digest_of(file: ProviderFile, status: os.stat_result) -> str:
            ours = payloads.get((status.st_dev, status.st_ino))
            if ours is not None:
                shared.add(ours)
                return ours
            mark, digest = hashes.get(file.path, ("", ""))
            return digest if mark == _listings.mark_of(status) else file.sha256

        def work() -> tuple[ProviderModel, ...]:
            return _listings.identified(inventory.listing.models, digest_of)

        models = await trio.to_thread.run_sync(work)
        listing = msgspec.structs.replace(inventory.listing, models=models)
        return msgspec.structs.replace(inventory, listing=listing, shared=tuple(sorted(shared)))

    async def _payloads(self, files: Sequence[ProviderFile]) -> _Payloads:
        """Return papin's own payloads that may be one file with some of `files`, by (device, inode)."""
        sizes = {file.size for file in files}
        found = await self._services.records.read(lambda read: read.payloads_of_size(sizes))
        inodes: dict[tuple[int, int], str] = {}
        for name, sha256 in (each for same in found.values() for each in same):
            try:
                path = await (await self._services.storage(name)).locate(sha256)
            except PapinError:
                continue  # its disk is not there now
            if path is not None:
                status = await trio.to_thread.run_sync(_stat, path)
                inodes[status.st_dev, status.st_ino] = sha256
        return inodes


async def open_all(services: Services, names: Iterable[str]) -> None:
    """Open the sessions of providers, as far as they open in time; what is wrong with one is told when it is used."""

    async def open_one(name: str) -> None:
        with suppress(PapinError):
            await services.provider(name)

    with trio.move_on_after(OPENING):
        async with trio.open_nursery() as nursery:
            for name in names:
                nursery.start_soon(open_one, name)


def _stat(path: Path) -> os.stat_result:
    return path.stat()
