"""One wanted file: what is there already, then its sources in their order."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from itertools import groupby
from pathlib import Path
from typing import Literal

import msgspec

from papin._transfers._disk import in_thread
from papin._transfers._engine import Engine
from papin._transfers._hosts import Hosts
from papin._transfers._local import Found, locate, take_local
from papin._transfers._meter import Meter
from papin._transfers._mirrors import Mirrors, all_of
from papin._transfers._pace import Pace
from papin._transfers._received import How, Received
from papin._transfers._retry import Waits, tell_nobody
from papin.errors import PapinError, StorageFailed
from papin.http import Http
from papin.models import DownloadSource, FileSource, HttpSource, PackageSource, Progress, WantedFile
from papin.storages import Staging, StorageSession

_HOSTS = Hosts()


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is in the storage: verified, durable, at `path`. `blamed` says what was wrong with which sources.

    `etag` is the strong validator that its server gave, without its quotes; empty when there is none.
    """

    sha256: str
    size: int
    path: Path
    how: Literal["present"] | How
    blamed: tuple[str, ...] = ()
    etag: str = ""


def staging_key(wanted: WantedFile) -> str:
    """Return under which key the bytes of a file from an address are staged: its digest, or that of the address."""
    first = next((source.url for source in wanted.sources if isinstance(source, HttpSource)), "")
    return wanted.sha256 or hashlib.sha256(f"url\0{first}".encode()).hexdigest()


Expects = Callable[[str, int], Awaitable[None]]
"""Awaited before a payload gets its final name, with its digest and its size in bytes."""


async def expect_nothing(_sha256: str, _size: int) -> None:
    """Take what `Expects` are told."""


async def fetch(
    wanted: WantedFile,
    storage: StorageSession,
    http: Http,
    report: Callable[[Progress], None],
    *,
    pace: Pace | None = None,
    hosts: Hosts = _HOSTS,
    waits: Waits = tell_nobody,
    expects: Expects = expect_nothing,
) -> Fetched:
    """Get `wanted` into `storage` from the first of its sources that can give it, unless it is there already.

    Addresses that follow each other are mirrors: when one fails, the next goes on with what is missing. `report` is
    called from the event loop, often: whoever shows progress throttles it. `pace` limits the speed, `hosts` the
    connections; `waits` is told when and why it waits before it tries again; `expects` records what is about to be
    kept, so that a crash loses track of nothing. Cancelling leaves what arrived to be resumed. Two that fetch the same
    at once, in whichever process, fetch it once.

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
    for is_remote, sources in groupby(wanted.sources, lambda source: isinstance(source, HttpSource)):
        try:
            if is_remote:
                mirrors = [source for source in sources if isinstance(source, HttpSource)]
                return await _download(
                    mirrors,
                    wanted,
                    storage,
                    http,
                    meter,
                    pace=pace or Pace(),
                    hosts=hosts,
                    waits=waits,
                    expects=expects,
                )
            return await _take(list(sources), wanted, storage, meter, expects)
        except PapinError as error:
            # A source on this machine that cannot be read is a reason to try the next; a storage that fails is not.
            if is_remote and isinstance(error, StorageFailed):
                raise
            errors.append(error)
    raise all_of(errors, wanted.name)


async def _present(wanted: WantedFile, storage: StorageSession, meter: Meter) -> Fetched | None:
    path = await storage.locate(wanted.sha256) if wanted.sha256 else None
    if path is None or wanted.sha256 is None:
        return None
    size = (await in_thread(path.stat)).st_size
    meter.finish(size)
    return Fetched(sha256=wanted.sha256, size=size, path=path, how="present")


async def _take(
    sources: Sequence[DownloadSource], wanted: WantedFile, storage: StorageSession, meter: Meter, expects: Expects
) -> Fetched:
    errors: list[PapinError] = []
    for source in sources:
        assert not isinstance(source, HttpSource)
        try:
            return await _take_one(source, wanted, storage, meter, expects)
        except PapinError as error:
            errors.append(error)
    raise all_of(errors, wanted.name)


async def _take_one(
    source: PackageSource | FileSource,
    wanted: WantedFile,
    storage: StorageSession,
    meter: Meter,
    expects: Expects,
) -> Fetched:
    found = await in_thread(locate, source)
    async with storage.stage(wanted.sha256 or _key_of(found), size=None) as staging:
        # Whoever had it open before us may have finished it.
        present = await _present(wanted, storage, meter)
        if present:
            return present
        received = await take_local(wanted, found, storage, staging, meter)
        return await _admit(storage, staging, received, meter, expects)


async def _download(
    sources: Sequence[HttpSource],
    wanted: WantedFile,
    storage: StorageSession,
    http: Http,
    meter: Meter,
    *,
    pace: Pace,
    hosts: Hosts,
    waits: Waits,
    expects: Expects,
) -> Fetched:
    async with storage.stage(staging_key(wanted), size=wanted.size) as staging:
        waits("", 0)  # whoever had it open before us is done with it
        present = await _present(wanted, storage, meter)
        if present:
            return present
        async with AsyncExitStack() as clients:
            engine = Engine(
                wanted, Mirrors(sources, http, clients), storage, meter, pace=pace, hosts=hosts, waits=waits
            )
            received = await engine.run(staging)
        return await _admit(storage, staging, received, meter, expects)


def _key_of(found: Found) -> str:
    return hashlib.sha256(
        f"file\0{found.path}\0{found.size}\0{found.changed}".encode(errors="surrogateescape")
    ).hexdigest()


async def _admit(
    storage: StorageSession, staging: Staging, received: Received, meter: Meter, expects: Expects
) -> Fetched:
    meter.enter("committing", total=received.size)
    await expects(received.sha256, received.size)
    path = await storage.admit(staging, sha256=received.sha256, size=received.size)
    meter.finish(received.size)
    return Fetched(
        sha256=received.sha256,
        size=received.size,
        path=path,
        how=received.how,
        blamed=received.blamed,
        etag=received.etag,
    )
