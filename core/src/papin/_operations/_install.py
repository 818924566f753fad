"""Installing a variant: fetch every file, look inside, record it. Each step can be repeated after any crash."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec
import trio

from papin import names
from papin._jobs import JobHandle
from papin._operations._bases import bases_of, version_before
from papin._operations._elsewhere import Elsewhere, OverBefore
from papin._operations._headers import read_all_at
from papin._operations._removal import sweep
from papin._operations._services import Services
from papin._operations._wanted import Arrived, as_asked
from papin._operations._whole import Whole
from papin._registry import Read, Write
from papin._transfers import Base, Damaged, Fetched, Pace, Received, fetch, staging_key
from papin.errors import Conflict, FormatInvalid, NotFound, PapinError
from papin.events import ModelChanged, ModelInstalled
from papin.models import Header, HttpSource, Model, StoredFile, Variant, WantedFile

_NOTHING: Mapping[str, Base] = {}
_WHOLE: Mapping[str, Damaged] = {}
_ATTEMPTS = 3  # at files that are removed as they are taken


async def fetch_all(
    services: Services,
    variant: Variant,
    whole: Whole,
    *,
    handle: JobHandle,
    over_before: OverBefore,
    pace: Pace | None,
    bases: Mapping[str, Base] = _NOTHING,
    damaged: Mapping[str, Damaged] = _WHOLE,
) -> tuple[Variant, tuple[StoredFile, ...]]:
    """Fetch the files of a variant into the default storage, each at most once; return it and them, as stored.

    Once too where other jobs fetch them at the same time, all but those that were `over_before` it began.

    Of those that have one of `bases`, by their names, no more than their beginnings where that is possible; those that
    are `damaged` are replaced.

    One file of which no catalog tells the version has that of its server.
    """
    name = services.config.core.storage
    storage = await services.storage(name)
    stored = []
    whole.begin()

    for wanted in variant.files:
        report = whole.of_file(wanted.name)
        elsewhere = Elsewhere(services, storage, wanted, handle=handle, report=report, over_before=over_before)

        def waits(why: str, seconds: float, elsewhere: Elsewhere = elsewhere) -> None:
            elsewhere.over()
            until = datetime.now(UTC) + timedelta(seconds=seconds) if why else None
            handle.wait_for(f"until {until.astimezone():%H:%M:%S} to try again: {why}" if until else "", until)

        async def expects(received: Received, wanted: WantedFile = wanted) -> None:
            # Known before it is there: the next start removes what neither a model nor a download turned out to want.
            await services.records.change(lambda write: _expect(write, name, wanted, received, handle.id))

        get = partial(fetch, wanted, storage, services.http, report, pace=pace, waits=waits, expects=expects)
        get = partial(get, learns=elsewhere.learnt, base=_warning(bases.get(wanted.name), wanted, handle))
        get = partial(get, damaged=damaged.get(wanted.name))
        fetched = await _get(get, elsewhere)
        whole.finished(fetched.size)
        for wrong in fetched.blamed:
            handle.warn(f"a source of {wanted.name} was dropped: {wrong}")
        stored.append(
            StoredFile(name=wanted.name, sha256=fetched.sha256, size=fetched.size, role=wanted.role, storage=name)
        )
    if len(stored) == 1 and not variant.revision:
        variant = msgspec.structs.replace(variant, revision=fetched.etag)
    return variant, tuple(stored)


def _warning(base: Base | None, wanted: WantedFile, handle: JobHandle) -> Base | None:
    """Return `base`, so that `handle` warns when it turns out to be of no use."""
    text = f"{wanted.name} looked as if only its beginning were new, and is another file: all of it is fetched"
    return base and dataclasses.replace(base, otherwise=partial(handle.warn, text))


async def _get(get: Callable[[], Awaitable[Fetched]], elsewhere: Elsewhere) -> Fetched:
    """Return what `get` does; while that waits for another job, show how far that one is."""
    failed: PapinError | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(elsewhere.watch)
        try:
            fetched = await get()
        except PapinError as error:
            failed = error
        elsewhere.over()
    if failed is not None:
        raise failed
    return fetched


def _expect(write: Write, storage: str, wanted: WantedFile, received: Received, job_id: str) -> None:
    write.expect_payload(storage, received.sha256, received.size, received.sums, wanted.sources)
    if wanted.sha256 is None and isinstance(wanted.sources[0], HttpSource):
        # Its job is how it is found again: by where it came from.
        request = as_asked(write.job_request(job_id))
        came = Arrived(received.sha256, received.size, received.etag)
        arrived = {**request.arrived, staging_key(wanted): came}
        write.set_request(job_id, msgspec.json.encode(msgspec.structs.replace(request, arrived=arrived)))


def describe(variant: Variant, files: Sequence[StoredFile], header: Header, model_id: str, now: datetime) -> Model:
    """Return the model that is to be recorded: what the file says of itself counts, the catalog fills the gaps."""
    capabilities = variant.capabilities or (("chat",) if header.has_chat_template else ())
    return Model(
        id=model_id,
        ref=variant.ref,
        source=variant.catalog or "import",
        revision=variant.revision,
        files=tuple(msgspec.structs.replace(file, format=header.format) for file in files),
        installed_at=now,
        format=header.format,
        architecture=header.architecture or variant.architecture,
        parameters=header.parameters or variant.parameters,
        quantization=header.quantization or variant.quantization,
        context_length=header.context_length or variant.context_length,
        license=variant.license,
        capabilities=capabilities,
        size=sum(file.size for file in files),
    )


def same_model(read: Read, variant: Variant, files: Sequence[StoredFile], name: str | None) -> Model | None:
    """Return the installed model that this already is: the same files under the asked name, or under any."""
    wanted = {file.sha256 for file in files}
    for each in sorted(set.intersection(*(set(read.users(digest)) for digest in wanted))):
        model = read.model(each)
        same = {file.sha256 for file in model.files} == wanted
        if same and (name == model.id if name else model.ref == variant.ref or not variant.ref):
            return model
    return None


async def install(
    services: Services,
    variant: Variant,
    name: str | None,
    whole: Whole,
    *,
    handle: JobHandle,
    over_before: OverBefore,
    pace: Pace | None = None,
    replaces: str = "",
) -> Model:
    """Fetch, check and record a variant; return the model, which may have been there already.

    `warn` is told of sources that were wrong. With `replaces`, it becomes the new version of the model of that id.

    Raises:
        Conflict: another model has the name `name`.
        FormatInvalid: no format here reads it; what was fetched for it is removed again.
        PapinError: as fetching it failed; what arrived is kept for the next attempt.
    """
    before = await services.records.read(lambda read: version_before(read, variant, replaces))
    bases = await bases_of(services, variant, before)
    for _ in range(_ATTEMPTS):
        variant, files = await fetch_all(
            services, variant, whole, handle=handle, over_before=over_before, pace=pace, bases=bases
        )
        whole.committing()
        async with services.committing():
            paths = await _paths(services, files)
            if paths is not None:
                return await _settle(services, variant, files, paths, name, handle=handle, replaces=replaces)
        # Another process removed the model that had a file, and had looked who wants it just before this job said so.
    raise NotFound("a file was removed while it was being installed", next_step="Install it again.")


async def _paths(services: Services, files: Sequence[StoredFile]) -> Sequence[Path] | None:
    storage = await services.storage(files[0].storage)
    paths = [await storage.locate(file.sha256) for file in files]
    found = [path for path in paths if path is not None]
    return found if len(found) == len(files) else None


async def _settle(
    services: Services,
    variant: Variant,
    files: Sequence[StoredFile],
    paths: Sequence[Path],
    name: str | None,
    *,
    handle: JobHandle,
    replaces: str,
) -> Model:
    """Record what was fetched, unless it is a model already; return that."""
    if not replaces:
        existing = await services.records.read(lambda read: same_model(read, variant, files, name))
        if existing is not None:
            return existing
    header = await _look_inside(services, files, paths, handle)
    if replaces:
        return await _replace(services, variant, files, header, replaces)
    return await _record(services, variant, files, header, name)


async def _look_inside(
    services: Services, files: Sequence[StoredFile], paths: Sequence[Path], handle: JobHandle
) -> Header:
    try:
        header = await read_all_at(services, files, paths)
    except FormatInvalid:
        unused = await services.records.read(
            lambda read: [(file.storage, file.sha256) for file in files if not read.users(file.sha256)]
        )
        await sweep(services, unused, but=handle.id)
        raise
    for text in header.warnings:
        handle.warn(text)
    return header


def free_id(read: Read, variant: Variant, name: str | None) -> str:
    """Return the id for a new model.

    Raises:
        Conflict: the asked name is taken.
    """
    taken = set(read.model_ids())
    if name is None:
        return names.make_id(variant.name, taken, variant=variant.variant)
    if name in taken:
        raise Conflict(
            f"another model is called {name}",
            next_step=f"Choose another --name, or remove it: papin models remove {name}.",
        )
    return name


async def _record(
    services: Services, variant: Variant, files: Sequence[StoredFile], header: Header, name: str | None
) -> Model:
    model_id = await services.records.read(lambda read: free_id(read, variant, name))
    model = describe(variant, files, header, model_id, datetime.now(UTC))

    def apply(write: Write) -> None:
        write.add_model(model)
        write.journal(ModelInstalled(model=model.id, ref=model.ref, size=model.size))

    # The sidecar first: after a crash in between, the next start finds it and completes the record.
    storage = await services.storage(files[0].storage)
    await storage.remember(model)
    await services.records.change(apply)
    return model


async def _replace(
    services: Services, variant: Variant, files: Sequence[StoredFile], header: Header, model_id: str
) -> Model:
    """Record the new version of a model; what its user says of it stays."""
    fresh = describe(variant, files, header, model_id, datetime.now(UTC))

    def apply(write: Write) -> Model:
        new = as_version(write.model(model_id), fresh)
        write.edit_model(new)
        write.journal(ModelChanged(model=model_id))
        return new

    # The record first: after a crash in between, the sidecar tells of the old version, whose files are all there.
    model = await services.records.change(apply)
    storage = await services.storage(files[0].storage)
    await storage.remember(model)
    return model


def as_version(current: Model, version: Model) -> Model:
    """Return `version` with what the user says of the model now, and where it is usable."""
    return msgspec.structs.replace(
        version,
        id=current.id,
        ref=current.ref,
        favourite=current.favourite,
        tags=current.tags,
        collections=current.collections,
        settings=current.settings,
        placements=current.placements,
        last_used_at=current.last_used_at,
        uses=current.uses,
    )
