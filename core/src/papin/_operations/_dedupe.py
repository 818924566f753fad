"""Contents that exist twice: found by digest, and the second copy replaced by a link to papin's payload."""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
import trio

from papin._disk import disk_errors
from papin._operations._hashing import digest_of
from papin._operations._listings import mark_of
from papin._operations._models import Models
from papin._operations._providers import Providers
from papin._operations._services import Services, ignore
from papin.answers import DedupePlan, Duplicate
from papin.errors import Conflict, StorageFailed
from papin.inventories import Inventory
from papin.links import link
from papin.models import Progress

OnProgress = Callable[[Progress], None]

SMALLEST = 1 << 20
"""Bytes below which a second copy is not worth a link."""

_UNFINISHED = ("-partial", ".partial", ".part", ".incomplete", ".tmp", ".downloadInProgress")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A file that may hold the same as another one; `sha256` is what papin recorded, empty for a provider's file."""

    path: str
    status: os.stat_result
    provider: str = ""
    reference: str = ""
    sha256: str = ""
    model: str = ""

    @property
    def inode(self) -> tuple[int, int]:
        """What tells one file from another, whatever it is called."""
        return self.status.st_dev, self.status.st_ino


def worth_hashing(places: Iterable[Place]) -> tuple[tuple[Place, ...], ...]:
    """Return groups of different files of one size: only they can be the same twice; papin's own come first."""
    sizes: dict[int, dict[tuple[int, int], Place]] = defaultdict(dict)
    for place in sorted(places, key=lambda each: each.sha256 == ""):  # papin's own name of a shared file counts
        sizes[place.status.st_size].setdefault(place.inode, place)
    groups = [tuple(each.values()) for size, each in sizes.items() if size >= SMALLEST]
    return tuple(group for group in groups if len(group) > 1)


def refusal(ours: os.stat_result, theirs: os.stat_result, siblings: Sequence[str], name: str) -> str:
    """Return why a provider's file is left although papin has the same, or nothing."""
    if ours.st_dev != theirs.st_dev:
        return "it is on another file system"
    if theirs.st_nlink > 1:
        return "it has another name, which would keep its space"
    if ours.st_uid != theirs.st_uid:
        return "it belongs to another user"
    if any(each != name and each.startswith(name) and _is_unfinished(each, name) for each in siblings):
        return "a download of it is not finished"
    return ""


def _is_unfinished(sibling: str, name: str) -> bool:
    return sibling[len(name) :].startswith(_UNFINISHED)


class Dedupe:
    """The part of `Storage` that frees second copies."""

    def __init__(self, services: Services, models: Models, providers: Providers) -> None:
        self._services = services
        self._models = models
        self._providers = providers

    async def plan(self, on_progress: OnProgress) -> DedupePlan:
        """Return what is there twice. Files of unknown digest are read, once for as long as they do not change."""
        inventories = await self._providers.refresh()
        busy = {(each.provider, each.reference) for each in await self._providers.loaded()}
        ours = await self._ours()
        reflinked = await self._reflinked()
        theirs = await trio.to_thread.run_sync(_theirs, inventories)
        theirs = [place for place in theirs if (place.provider, place.reference) not in reflinked]
        groups = [group for group in worth_hashing([*ours, *theirs]) if group[0].sha256]
        digests = await self._digests([place for group in groups for place in group], on_progress)
        kept = {place.sha256: place for place in ours if digests.get(place.path) == place.sha256}
        found, left = [], await self._of_others()
        for place in (place for group in groups for place in group if not place.sha256):
            same = kept.get(digests.get(place.path, ""))
            if same is None or same.inode == place.inode:
                continue
            why = "it is in memory now" if (place.provider, place.reference) in busy else ""
            why = why or await trio.to_thread.run_sync(_refusal_of, same, place)
            if why:
                left.append(f"{place.provider}:{place.reference} has {same.model} a second time: {why}")
            else:
                found.append(_duplicate(place, same))
        return DedupePlan(duplicates=tuple(found), frees=sum(each.size for each in found), left=tuple(left))

    async def read_twins(self, inventories: Sequence[Inventory]) -> None:
        """Read the files that may be there twice, whoever has them, as far as they were not read before.

        From then on lists tell of second copies. Of several processes one reads, and the others find it done.
        """
        async with self._services.locked("hashing"):
            theirs = await trio.to_thread.run_sync(_theirs, inventories)
            places = [place for group in worth_hashing([*await self._ours(), *theirs]) for place in group]
            unread = [place for place in places if not place.sha256]
            await self._digests(unread, ignore)
            await self._providers.notice(place.status.st_size for place in unread)

    async def _of_others(self) -> list[str]:
        """Return what other programs are known to have more than once, and papin not at all."""
        shelf = await self._services.records.read(lambda read: read.shelf())
        twice = (group.holdings[0] for group in shelf.groups if group.duplicated and not group.owner)
        return [
            f"{each.id} is there more than once, but not in papin, which can link it after "
            f"papin models import --from {each.provider} {each.model.reference}"
            for each in twice
        ]

    async def _reflinked(self) -> set[tuple[str, str]]:
        """Return where papin shared a model by a reflink, which has an inode of its own and no bytes of its own."""
        placements = [each for model in await self._models.installed() for each in model.placements]
        return {(each.provider, each.reference) for each in placements if each.how == "reflink"}

    async def _ours(self) -> list[Place]:
        places = []
        for model in await self._models.installed():
            for file in model.files:
                path = await (await self._services.storage(file.storage)).locate(file.sha256)
                if path is not None and file.size >= SMALLEST:
                    status = await trio.to_thread.run_sync(os.stat, path)
                    places.append(Place(path=str(path), status=status, sha256=file.sha256, model=model.id))
        return places

    async def _digests(self, places: Sequence[Place], on_progress: OnProgress) -> Mapping[str, str]:
        total = sum(place.status.st_size for place in places)
        digests: dict[str, str] = {}
        done = 0
        for place in places:

            def report(read: int, before: int = done, name: str = Path(place.path).name) -> None:
                on_progress(Progress(phase="verifying", done=before + read, total=total, file=name))

            try:
                digests[place.path] = await digest_of(self._services, Path(place.path), report)
            except StorageFailed:
                continue  # what cannot be read is not judged
            done += place.status.st_size
        return digests

    async def carry_out(self, plan: DedupePlan) -> DedupePlan:
        """Replace what `plan` says by links; return what was done. What changed since is left, and told."""
        done, left = [], []
        for each in plan.duplicates:
            try:
                await trio.to_thread.run_sync(_replace, each)
            except (Conflict, StorageFailed) as error:
                left.append(f"{each.provider}:{each.reference}: {error.message}")
            else:
                done.append(each)
        await self._providers.refresh({each.provider for each in done})
        return DedupePlan(duplicates=tuple(done), frees=sum(each.size for each in done), left=(*plan.left, *left))


def _theirs(inventories: Iterable[Inventory]) -> list[Place]:
    places = []
    for inventory in inventories:
        for model in inventory.listing.models:
            for file in model.files:
                if file.path and file.size >= SMALLEST and model.state == "ready":
                    places += _place(inventory.provider, model.reference, file.path)
    return places


def _place(provider: str, reference: str, path: str) -> list[Place]:
    # The file itself: what programs list may be links to it.
    real = os.path.realpath(path)
    try:
        status = os.lstat(real)
    except OSError:
        return []
    is_file = stat.S_ISREG(status.st_mode)
    return [Place(path=real, status=status, provider=provider, reference=reference)] if is_file else []


def _refusal_of(ours: Place, theirs: Place) -> str:
    path = Path(theirs.path)
    try:
        siblings = [each.name for each in path.parent.iterdir()]
    except OSError as error:
        return f"its folder cannot be read ({error.strerror})"
    if not os.access(path.parent, os.W_OK):
        return "its folder cannot be written"
    return refusal(ours.status, theirs.status, siblings, path.name)


def _duplicate(place: Place, same: Place) -> Duplicate:
    return Duplicate(
        provider=place.provider,
        reference=place.reference,
        model=same.model,
        path=place.path,
        kept=same.path,
        sha256=same.sha256,
        size=place.status.st_size,
        mark=mark_of(place.status),
    )


def _replace(duplicate: Duplicate) -> None:
    path, kept = Path(duplicate.path), Path(duplicate.kept)
    with disk_errors(duplicate.path):
        if mark_of(path.lstat()) != duplicate.mark:
            raise Conflict(f"{path} changed since", next_step="Make a new plan: papin storage dedupe")
    link(kept, path, replace=True, symlink=False)
