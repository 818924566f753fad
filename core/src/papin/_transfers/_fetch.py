"""One wanted file: what is there already, then its sources in their order."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from itertools import groupby
from pathlib import Path
from typing import Literal

import msgspec

from papin._transfers._base import Base
from papin._transfers._disk import in_thread
from papin._transfers._engine import Engine
from papin._transfers._graft import Grafting
from papin._transfers._hosts import Hosts
from papin._transfers._local import locate, take_local
from papin._transfers._mend import Damaged, take_over
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
    """Return under which key the bytes of a file are staged: its digest, or that of where it comes from."""
    first = ""
    match next(iter(wanted.sources), None):
        case HttpSource(url=url):
            first = f"url\0{url}"
        case FileSource(path=path):
            first = f"file\0{path}"
        case PackageSource(distribution=distribution, path=path):
            first = f"package\0{distribution}\0{path}"
    return wanted.sha256 or hashlib.sha256(first.encode(errors="surrogateescape")).hexdigest()


Expects = Callable[[Received], Awaitable[None]]
"""Awaited before a payload gets its final name, or is taken as another one left it, with what it is."""


async def expect_nothing(_received: Received) -> None:
    """Take what `Expects` are told."""


Learns = Callable[[], Awaitable[Received | None]]
"""Awaited once nobody else is at a file: returns what somebody who was waited for made of it."""


async def learn_nothing() -> None:
    """Tell what `Learns` do, which is nothing."""


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
    learns: Learns = learn_nothing,
    base: Base | None = None,
    damaged: Damaged | None = None,
) -> Fetched:
    """Get `wanted` into `storage` from the first of its sources that can give it, unless it is there already.

    Addresses that follow each other are mirrors: when one fails, the next goes on with what is missing. `report` is
    called from the event loop, often: whoever shows progress throttles it. `pace` limits the speed, `hosts` the
    connections; `waits` is told when and why it waits before it tries again, and with nothing when it need not wait for
    others any more; `expects` records what is about to be kept, so that a crash loses track of nothing, and `learns`
    tells what others kept meanwhile of which nobody knew the digest. The end of `base`, the version before, is copied
    where it is the same. What is there already and `damaged` is replaced, and what is right of it is not fetched.
    Cancelling leaves what arrived to be resumed. Two that fetch the same at once, in whichever process, fetch it once.

    Raises:
        DiskSpace, StorageFailed: it cannot be kept; no other source would help.
        PapinError: the error of the last source, which also tells what was wrong with the others.
    """
    meter = Meter(report, wanted.name, wanted.size)
    meter.enter("resolving")
    present = None if damaged else await _present(wanted, storage, meter)
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
                    learns=learns,
                    base=base,
                    damaged=damaged,
                )
            return await _take(list(sources), wanted, storage, meter, waits=waits, expects=expects, damaged=damaged)
        except PapinError as error:
            # A source on this machine that cannot be read is a reason to try the next; a storage that fails is not.
            if is_remote and isinstance(error, StorageFailed):
                raise
            errors.append(error)
    raise all_of(errors, wanted.name)


async def _present(
    wanted: WantedFile, storage: StorageSession, meter: Meter, learnt: Received | None = None
) -> Fetched | None:
    sha256 = learnt.sha256 if learnt else wanted.sha256
    path = await storage.locate(sha256) if sha256 else None
    if path is None or sha256 is None:
        return None
    size = (await in_thread(path.stat)).st_size
    meter.finish(size)
    return Fetched(sha256=sha256, size=size, path=path, how="present", etag=learnt.etag if learnt else "")


async def _take(
    sources: Sequence[DownloadSource],
    wanted: WantedFile,
    storage: StorageSession,
    meter: Meter,
    *,
    waits: Waits,
    expects: Expects,
    damaged: Damaged | None,
) -> Fetched:
    errors: list[PapinError] = []
    for source in sources:
        assert not isinstance(source, HttpSource)
        try:
            return await _take_one(source, wanted, storage, meter, waits=waits, expects=expects, damaged=damaged)
        except PapinError as error:
            errors.append(error)
    raise all_of(errors, wanted.name)


async def _take_one(
    source: PackageSource | FileSource,
    wanted: WantedFile,
    storage: StorageSession,
    meter: Meter,
    *,
    waits: Waits,
    expects: Expects,
    damaged: Damaged | None,
) -> Fetched:
    found = await in_thread(locate, source)
    async with storage.stage(staging_key(wanted), size=None) as staging:
        waits("", 0)
        # Whoever had it open before us may have finished it.
        present = None if damaged else await _present(wanted, storage, meter)
        if present:
            return present
        received = await take_local(wanted, found, storage, staging, meter)
        return await _admit(storage, staging, received, meter, expects, replaces=damaged is not None)


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
    learns: Learns,
    base: Base | None,
    damaged: Damaged | None,
) -> Fetched:
    async with storage.stage(staging_key(wanted), size=wanted.size) as staging:
        waits("", 0)  # whoever had it open before us is done with it
        learnt = None if wanted.sha256 else await learns()
        present = None if damaged else await _present(wanted, storage, meter, learnt)
        if present and learnt:
            # From here on it is kept for this one too; but it may have gone just before.
            await expects(learnt)
            present = await _present(wanted, storage, meter, learnt)
        if present:
            return present
        async with AsyncExitStack() as clients:
            mirrors = Mirrors(sources, http, clients)
            received = None
            graft = base.graft(wanted) if base else None
            if base and graft:
                grafting = Grafting(wanted, base, graft, staging, meter)
                received = await grafting.run(mirrors, pace=pace, waits=waits, hosts=hosts)
            if damaged and wanted.sha256:
                await take_over(damaged, staging, meter)
            if received is None:
                engine = Engine(wanted, mirrors, storage, meter, pace=pace, hosts=hosts, waits=waits)
                received = await engine.run(staging)
        return await _admit(storage, staging, received, meter, expects, replaces=damaged is not None)


async def _admit(
    storage: StorageSession, staging: Staging, received: Received, meter: Meter, expects: Expects, *, replaces: bool
) -> Fetched:
    meter.enter("committing", total=received.size)
    await expects(received)
    path = await storage.admit(staging, sha256=received.sha256, size=received.size, replaces=replaces)
    meter.finish(received.size)
    return Fetched(
        sha256=received.sha256,
        size=received.size,
        path=path,
        how=received.how,
        blamed=received.blamed,
        etag=received.etag,
    )
