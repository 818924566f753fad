"""What a download would do: which files, how much of them is here already, and whether the rest fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import trio

from papin._operations import _wanted
from papin._operations._catalogs import Catalogs
from papin._operations._holdings import holding_of, variant_of_holding
from papin._operations._install import free_id
from papin._operations._probe import probe_all
from papin._operations._removal import sweep, unwanted
from papin._operations._services import Services
from papin._operations._wanted import Held, Request
from papin._registry import Read
from papin._transfers import staging_key
from papin.answers import DownloadPlan
from papin.models import Model, Variant, WantedFile
from papin.names import PathRef, UrlRef
from papin.storages import StorageSession

_NOTHING: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class Found:
    """What a request stands for: the variant, the sizes of its files by name, and the model that it is already."""

    variant: Variant
    sizes: Mapping[str, int | None]
    installed: Model | None


class Planner:
    """Finds out what requests stand for, before the first byte."""

    def __init__(self, services: Services, catalogs: Catalogs) -> None:
        self._services = services
        self._catalogs = catalogs

    async def find(self, request: Request, *, is_plan: bool) -> Found:
        """Return what `request` stands for. A plan asks the servers for every size that nobody promised.

        A download itself asks where it makes a difference: for the total of several files, or to learn that what lies
        at an address is what was fetched from there before.

        Raises:
            NameInvalid, NotFound, Ambiguous, TransferFailed: as the catalogs and servers say it.
        """
        variant = await self._resolve(request)
        sizes = {file.name: file.size for file in variant.files}
        before = await self._services.records.read(
            lambda read: _wanted.fetched_before(variant, read.models_from(variant.ref))
        )
        unknown = [file for file in variant.files if file.size is None]
        if unknown and (is_plan or len(variant.files) > 1 or before):
            probes = await probe_all(self._services.http, unknown)
            sizes |= {name: probe.size for name, probe in probes.items()}
            if len(unknown) == 1 and before:
                variant = _wanted.recognised(variant, probes[unknown[0].name].etag, before)
        installed = await self._services.records.read(lambda read: _installed_as(read, variant, request.name))
        return Found(variant, sizes, installed)

    async def _resolve(self, request: Request) -> Variant:
        if request.provider:
            holding = await holding_of(self._services, request.provider, request.ref)
            return _wanted.check_files(variant_of_holding(holding))
        parsed = await self._catalogs.parse(request.ref)
        if isinstance(parsed, UrlRef):
            variant = _wanted.variant_of_url(parsed, request.sha256)
        elif isinstance(parsed, PathRef):
            path = _wanted.path_of(parsed)
            variant = await trio.to_thread.run_sync(
                _wanted.variant_of_path, path, request.sha256, self._services.formats
            )
        else:
            variant = _wanted.promise(await self._catalogs.resolve(request.ref), request.sha256)
        return await self._with_arrived(_wanted.check_files(variant), request)

    async def _with_arrived(self, variant: Variant, request: Request) -> Variant:
        # A whole file needs no proof that it is the one that the server has now: nothing is joined to it.
        arrived = {}
        for file in variant.files:
            came = None if file.sha256 else request.arrived.get(staging_key(file))
            if came is not None and await (await self._services.storage()).locate(came.sha256) is not None:
                arrived[file.name] = came
        return _wanted.as_arrived(variant, arrived)

    async def plan(self, request: Request, found: Found, reused: Mapping[str, int] = _NOTHING) -> DownloadPlan:
        """Return the plan for what was found; of its files so many bytes are likely `reused`, by name.

        Raises:
            Conflict: another model has the wished name.
        """
        variant, storage = found.variant, await self._services.storage()
        held = {file.name: await self._held(file, storage, reused.get(file.name, 0)) for file in variant.files}
        room = await storage.room(staging_keys(variant))
        model = found.installed.id if found.installed else await self.free_id(variant, request.name)
        installed = found.installed.id if found.installed else ""
        return _wanted.make_plan(variant, found.sizes, held, room, model=model, installed=installed)

    async def _held(self, file: WantedFile, storage: StorageSession, reused: int) -> Held:
        if file.sha256 is None or await storage.locate(file.sha256) is None:
            return Held(partial=await storage.staged(staging_key(file)), reused=reused)
        digest = file.sha256
        return Held(is_whole=True, users=await self._services.records.read(lambda read: read.users(digest)))

    async def discard(self, request: Request, job_id: str) -> None:
        """Remove what arrived of what the request of a job stands for, unless somebody is at it or wants it too."""
        if request.provider:
            return  # what another program has or fetches, it keeps as it does
        storage = await self._services.storage()
        keys = request.staged or staging_keys(await self._resolve(request))
        for key in keys:
            await storage.discard(key)
        async with self._services.committing():
            unused = await self._services.records.read(lambda read: unwanted(read, but=job_id))
            await sweep(self._services, [place for place in unused if place[1] in request.keeps.union(keys)])

    async def free_id(self, variant: Variant, name: str | None) -> str:
        """Return the id that the model would get. Raises `Conflict` when another one has the wished name."""
        return await self._services.records.read(lambda read: free_id(read, variant, name))


def staging_keys(variant: Variant) -> tuple[str, ...]:
    """Return the keys under which the files of a variant are staged."""
    return tuple([staging_key(file) for file in variant.files])


def _installed_as(read: Read, variant: Variant, name: str | None) -> Model | None:
    """Return the model that is what installing `variant` as `name` would make, if there is one."""
    digests = {file.sha256 for file in variant.files}
    if None in digests:
        return None
    named = (read.model(each) for each in read.model_ids() if each == name)
    models = named if name else read.models_from(variant.ref)
    return next((each for each in models if {file.sha256 for file in each.files} == digests), None)
