"""What the providers have: asked at once and each within a bound, recorded, and kept when one cannot be asked."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence, Sized
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec
import trio

from papin._operations import _listings
from papin._operations._round import Round
from papin._operations._services import Services
from papin._operations._together import Together
from papin._registry import Read, Write
from papin.errors import NotFound, PapinError
from papin.inventories import Inventory, Listing, ProviderFile, ProviderModel, Stamp, is_current, stamp
from papin.providers import Lists

_LONG = 200  # models, which take some milliseconds

_Payloads = Mapping[tuple[int, int], str]
_Recorded = Mapping[str, Inventory]


class _Before(NamedTuple):
    """What is known before providers are asked; `asked` are those of which something is recorded.

    `stamps` are those of where plugins and settings lie, now and as `seen` when all were asked last.
    """

    recorded: _Recorded
    seen: tuple[Stamp, ...] | None
    asked: set[str]
    stamps: tuple[Stamp, ...]


class Inventories:
    """The lists of the providers."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._before = Together(self._look_for)

    async def recorded(self, names: Iterable[str] | None = None) -> dict[str, Inventory]:
        """Return what is recorded of all providers or of `names`, by provider."""
        found = await self._services.records.read(lambda read: read.inventories(names))
        return {each.provider: each for each in found}

    async def refresh_stale(self) -> tuple[Inventory, ...]:
        """Ask those providers that were never asked, or whose folders changed since; return what they have now.

        All are asked when the configuration or what is installed changed: they may have other folders now.
        """
        providers = tuple(self._services.plugins.providers)

        def look(read: Read) -> tuple[_Before, list[str]]:
            before = self._look(read, None)
            is_same = before.seen == before.stamps

            def is_stale(name: str) -> bool:
                return not (is_same and name in before.recorded and is_current(before.recorded[name].listing.stamps))

            return before, list(filter(is_stale, providers))

        before, stale = await self._services.records.read(look)
        if stale or before.seen != before.stamps or before.asked - set(providers):
            return await self._refresh(stale, before)
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
        return await self._refresh(wanted, await self._before.ask(wanted))

    async def _look_for(self, names: Iterable[str]) -> _Before:
        return await self._services.records.read(lambda read: self._look(read, names))

    def _look(self, read: Read, names: Iterable[str] | None) -> _Before:
        """Return what is known before providers are asked, all at once: a thread of its own costs more. Blocks."""
        # Where plugins are installed, and which instances there are: what decides which providers there can be.
        folders = [folder for folder in sys.path if folder.endswith("-packages")]
        return _Before(
            recorded={each.provider: each for each in read.inventories(names)},
            seen=read.plugin_stamps(),
            asked=read.asked(),
            stamps=stamp([self._services.config.file, *folders]),
        )

    async def _refresh(self, names: Sequence[str], before: _Before) -> tuple[Inventory, ...]:
        old = before.recorded
        asked = Round(self._services, names)
        new: dict[str, Inventory] = {}
        async with trio.open_nursery() as nursery:
            told, came = trio.open_memory_channel[Inventory](len(names))

            async def ask(name: str) -> None:
                told.send_nowait(await self._ask(asked, name, old.get(name)))

            for name in names:
                nursery.start_soon(ask, name)
            while len(new) < len(names):
                for each in await self._record(await _waiting(came), old):
                    new[each.provider] = each
        await self._conclude(before)
        return tuple([new[name] for name in names])

    async def _record(self, told: Iterable[Inventory], old: _Recorded) -> Sequence[Inventory]:
        new = [await self._identified(each) for each in told]
        changed = [each for each in new if not _listings.is_recorded(old.get(each.provider), each)]
        if changed:
            # A power cut may lose it: then they are asked once more.
            await self._services.records.change(partial(_save, changed, old), durable=False)
        return new

    async def _conclude(self, before: _Before) -> None:
        """Record which providers there are, once all have told what they have."""
        providers = self._services.plugins.providers
        if before.seen != before.stamps or before.asked - set(providers):
            save = partial(Write.save_plugin_stamps, stamps=before.stamps, providers=providers)
            await self._services.records.change(save, durable=False)

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

    async def _ask(self, asked: Round, name: str, old: Inventory | None) -> Inventory:
        now = datetime.now(UTC)
        empty = Inventory(provider=name, at=now, listing=Listing(is_present=False))
        try:
            async with asked.asking(name) as session:
                if not isinstance(session, Lists):
                    return empty
                listing = await session.models()
            listing = await _checked(name, listing)
        except PapinError as error:
            return _listings.kept(old, error.problem(), empty)
        if not listing.is_present:
            listing = await trio.to_thread.run_sync(_listings.remembered, old, listing)
        return Inventory(provider=name, at=now, listing=listing)

    async def _identified(self, inventory: Inventory) -> Inventory:
        files = [file for model in inventory.listing.models for file in model.files if file.path]
        if not files:
            return inventory
        sizes = {file.size for file in files}
        same, hashes = await self._services.records.read(lambda read: (read.payloads_of_size(sizes), read.hashes()))
        payloads = await self._inodes(each for group in same.values() for each in group)
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

    async def _inodes(self, payloads: Iterable[tuple[str, str]]) -> _Payloads:
        """Return papin's own payloads, given as (storage, digest), by (device, inode)."""
        inodes: dict[tuple[int, int], str] = {}
        for name, sha256 in payloads:
            try:
                path = await (await self._services.storage(name)).locate(sha256)
            except PapinError:
                continue  # its disk is not there now
            if path is not None:
                status = await trio.to_thread.run_sync(_stat, path)
                inodes[status.st_dev, status.st_ino] = sha256
        return inodes


async def _checked(name: str, listing: object) -> Listing:
    """Return what `name` told as it should be; a long list is looked through in a thread."""
    models: object = listing.models if isinstance(listing, Listing) else ()
    # What a plugin gives may be anything, and what is too long is not looked through.
    if isinstance(models, Sized) and _LONG < len(models) <= _listings.MOST_MODELS:
        return await trio.to_thread.run_sync(_listings.checked, name, listing)
    return _listings.checked(name, listing)


async def _waiting(came: trio.MemoryReceiveChannel[Inventory]) -> Sequence[Inventory]:
    """Return all that came: together, and without those that hang, so that nobody waits for them to see the others."""
    batch = [await came.receive()]
    with suppress(trio.WouldBlock):
        while True:
            batch.append(came.receive_nowait())
    return batch


def _save(changed: Sequence[Inventory], old: _Recorded, write: Write) -> None:
    write.save_inventories(changed)
    for inventory in changed:
        for event in _listings.changes(old.get(inventory.provider), inventory):
            write.journal(event)


def _stat(path: Path) -> os.stat_result:
    return path.stat()
