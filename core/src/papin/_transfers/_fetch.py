"""One wanted file: what is there already, then its sources in their order."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from papin._transfers._disk import in_thread
from papin._transfers._local import Found, locate, take_local
from papin._transfers._meter import Meter
from papin._transfers._received import How, Received
from papin._transfers._remote import PATIENCE, Remote
from papin.errors import NotFound, PapinError, StorageFailed
from papin.http import Http
from papin.models import DownloadSource, HttpSource, Progress, WantedFile
from papin.storages import Staging, StorageSession


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is in the storage: verified, durable, at `path`."""

    sha256: str
    size: int
    path: Path
    how: Literal["present"] | How


async def fetch(wanted: WantedFile, storage: StorageSession, http: Http, report: Callable[[Progress], None]) -> Fetched:
    """Get `wanted` into `storage` from the first of its sources that can give it, unless it is there already.

    `report` is called from the event loop, often: whoever shows progress throttles it. Cancelling leaves what arrived
    to be resumed. Two that fetch the same at once, in whichever process, fetch it once.

    Raises:
        DiskSpace, StorageFailed: it cannot be kept; no other source would help.
        PapinError: the error of the last source, which also tells what was wrong with the others.
    """
    meter = Meter(report, wanted.name, wanted.size)
    meter.enter("resolving")
    present = await _present(wanted, storage, meter)
    if present:
        return present
    errors: list[PapinError] = []
    for source in wanted.sources:
        try:
            return await _from(source, wanted, storage, http, meter)
        except PapinError as error:
            if _is_final(error, source):
                raise
            errors.append(error)
    raise _all_of(errors, wanted)


async def _present(wanted: WantedFile, storage: StorageSession, meter: Meter) -> Fetched | None:
    path = await storage.locate(wanted.sha256) if wanted.sha256 else None
    if path is None or wanted.sha256 is None:
        return None
    size = (await in_thread(path.stat)).st_size
    meter.finish(size)
    return Fetched(sha256=wanted.sha256, size=size, path=path, how="present")


async def _from(
    source: DownloadSource, wanted: WantedFile, storage: StorageSession, http: Http, meter: Meter
) -> Fetched:
    if isinstance(source, HttpSource):
        return await _download(source, wanted, storage, http, meter)
    found = await in_thread(locate, source)
    async with storage.stage(wanted.sha256 or _key_of(found), size=None) as staging:
        # Whoever had it open before us may have finished it.
        present = await _present(wanted, storage, meter)
        if present:
            return present
        received = await take_local(wanted, found, storage, staging, meter)
        return await _admit(storage, staging, received, meter)


async def _download(
    source: HttpSource, wanted: WantedFile, storage: StorageSession, http: Http, meter: Meter
) -> Fetched:
    key = wanted.sha256 or hashlib.sha256(f"url\0{source.url}".encode()).hexdigest()
    async with storage.stage(key, size=wanted.size) as staging:
        present = await _present(wanted, storage, meter)
        if present:
            return present
        base = source.url if source.user_named else ""
        async with http.client(base, patience=PATIENCE) as client:
            received = await Remote(wanted, source, client, storage, meter).run(staging)
        return await _admit(storage, staging, received, meter)


def _key_of(found: Found) -> str:
    return hashlib.sha256(
        f"file\0{found.path}\0{found.size}\0{found.changed}".encode(errors="surrogateescape")
    ).hexdigest()


async def _admit(storage: StorageSession, staging: Staging, received: Received, meter: Meter) -> Fetched:
    meter.enter("committing", total=received.size)
    path = await storage.admit(staging, sha256=received.sha256, size=received.size)
    meter.finish(received.size)
    return Fetched(sha256=received.sha256, size=received.size, path=path, how=received.how)


def _is_final(error: PapinError, source: DownloadSource) -> bool:
    # A local source that cannot be read is a reason to try the next one; a storage that cannot be written is not.
    return isinstance(error, StorageFailed) and isinstance(source, HttpSource)


def _all_of(errors: list[PapinError], wanted: WantedFile) -> PapinError:
    if not errors:
        return NotFound(f"no source is known for {wanted.name}", next_step="Give its address or its path.")
    last = errors[-1]
    if len(errors) == 1:
        return last
    before = "; ".join(each.message for each in errors[:-1])
    made = type(last)(f"{last.message} (before that: {before})", next_step=last.next_step)
    made.__cause__ = last
    return made
