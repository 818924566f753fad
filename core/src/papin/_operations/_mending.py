"""Files of an installed model that are damaged or gone: where the right ones are, and bringing them in."""

from __future__ import annotations

import stat
from collections.abc import Collection, Sequence
from pathlib import Path

import trio

from papin._jobs import JobHandle
from papin._operations._elsewhere import OverBefore
from papin._operations._install import fetch_all
from papin._operations._planning import Planner
from papin._operations._services import Services
from papin._operations._wanted import Request
from papin._operations._whole import Whole
from papin._registry import Write
from papin._transfers import Damaged, Pace
from papin.errors import NotFound, PapinError
from papin.events import ModelChanged
from papin.models import DownloadSource, FileSource, Model, StoredFile, Variant, WantedFile

__all__ = ["damage_of", "mend", "right_ones"]


async def damage_of(services: Services, file: StoredFile) -> Damaged:
    """Return what is known of a file that is damaged or gone."""
    storage = await services.storage(file.storage)
    sums = await services.records.read(lambda read: read.sums(file.storage, file.sha256))
    return Damaged(path=await storage.locate(file.sha256), size=file.size, sums=sums)


async def right_ones(
    services: Services, planner: Planner, model: Model, files: Sequence[StoredFile]
) -> tuple[WantedFile, ...]:
    """Return where the right content of `files` of a model is: other copies on this machine, then where it came from.

    That is what its catalog says now, and then what was noted when it came: a catalog may have another version now, or
    be gone, and the old addresses still be good.

    Raises:
        NotFound: nothing here has it, and it came from nowhere that can be asked.
        PapinError: who has it cannot be asked.
    """
    problem: PapinError | None = None
    there: Sequence[WantedFile] = ()
    try:
        if model.ref:
            there = (await planner.find(Request(ref=model.ref), is_plan=False)).variant.files
    except PapinError as error:
        problem = error
    shelf = await services.records.read(lambda read: read.shelf())
    found = []
    for file in files:
        sources = await _sources(services, file, there, shelf.copies(file.sha256))
        found.append(_right_one(model, file, sources, problem, is_other=bool(there)))
    return tuple(found)


async def _sources(
    services: Services, file: StoredFile, there: Sequence[WantedFile], copies: Sequence[str]
) -> Sequence[DownloadSource]:
    """Return where a file may be had, each place once: what lies on this machine, the catalog's, those noted before."""
    same = [each for each in there if each.sha256 == file.sha256]
    same = same or [each for each in there if each.sha256 is None and each.name == file.name]
    noted = await services.records.read(lambda read: read.sources(file.storage, file.sha256))
    told = [*(FileSource(path=path) for path in copies), *(source for each in same for source in each.sources), *noted]
    own = await (await services.storage(file.storage)).locate(file.sha256)
    files = [each for each in told if isinstance(each, FileSource)]
    here = await trio.to_thread.run_sync(others, files, own, file.size)
    return [*dict.fromkeys([*here, *(each for each in told if not isinstance(each, FileSource))])]


def others(files: Sequence[FileSource], own: Path | None, size: int) -> Sequence[FileSource]:
    """Return those of `files` that are there, of that size, and not the file `own` under another name. Blocks."""
    return [each for each in files if _is_other(Path(each.path), own, size)]


def _is_other(path: Path, own: Path | None, size: int) -> bool:
    try:
        found = path.stat()
        return stat.S_ISREG(found.st_mode) and found.st_size == size and not (own and own.samefile(path))
    except OSError:
        return False


def _right_one(
    model: Model, file: StoredFile, sources: Sequence[DownloadSource], problem: PapinError | None, *, is_other: bool
) -> WantedFile:
    if sources:
        return WantedFile(name=file.name, sources=tuple(sources), size=file.size, sha256=file.sha256, role=file.role)
    if problem is not None:
        raise problem
    if is_other:
        raise NotFound(
            f"{model.ref} is another version now, and {file.name} is not in it or noted to be anywhere else",
            next_step=f"papin models update {model.id} brings that version in.",
        )
    raise NotFound(
        f"{model.id} was taken in from a file, and nothing else here has {file.name}",
        next_step=f"papin models remove {model.id}, then import it again from a file that is whole.",
    )


async def mend(
    services: Services,
    planner: Planner,
    request: Request,
    *,
    handle: JobHandle,
    over_before: OverBefore,
    pace: Pace | None,
) -> Sequence[str]:
    """Replace the files of a model that the request names as damaged; return the ids of all models that have them.

    Raises:
        NotFound: the model is not installed any more, or as `right_ones`.
        PapinError: as fetching failed; what is damaged is still there.
    """
    model = await services.records.read(lambda read: read.model(request.repairs))
    files = [file for file in model.files if file.sha256 in request.damaged]
    wanted = await right_ones(services, planner, model, files)
    variant = Variant(ref=model.ref, catalog="", name=model.id, variant="", files=wanted, revision=model.revision)
    damaged = {file.name: await damage_of(services, file) for file in files}
    done = handle.latest.done if handle.latest else 0
    whole = Whole({file.name: file.size for file in wanted}, handle.report, done=done)
    await fetch_all(services, variant, whole, handle=handle, over_before=over_before, pace=pace, damaged=damaged)
    whole.committing()
    return await _renew(services, request.damaged)


async def _renew(services: Services, digests: Collection[str]) -> Sequence[str]:
    """Renew what leads to replaced payloads, of all models that have them, and tell of it; return their ids."""
    users = await services.records.read(
        lambda read: [read.model(each) for each in sorted({user for digest in digests for user in read.users(digest)})]
    )
    for user in users:
        await (await services.storage(user.files[0].storage)).remember(user)

    def tell(write: Write) -> None:
        for user in users:
            write.journal(ModelChanged(model=user.id))

    await services.records.change(tell)
    return [user.id for user in users]
