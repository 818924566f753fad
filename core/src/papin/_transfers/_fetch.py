"""One wanted file: what is there already, then its sources in their order."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
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
    into = _Into(wanted, storage, meter, waits, expects, damaged)
    present = await into.present()
    if present:
        return present
    errors: list[PapinError] = []
    for is_remote, sources in groupby(wanted.sources, lambda source: isinstance(source, HttpSource)):
        try:
            if is_remote:
                mirrors = [source for source in sources if isinstance(source, HttpSource)]
                return await into.download(mirrors, http, pace=pace or Pace(), hosts=hosts, learns=learns, base=base)
            return await into.take(sources)
        except PapinError as error:
            # A source on this machine that cannot be read is a reason to try the next; a storage that fails is not.
            if is_remote and isinstance(error, StorageFailed):
                raise
            errors.append(error)
    raise all_of(errors, wanted.name)


@dataclass(frozen=True, slots=True)
class _Into:
    """What is wanted, the storage that it goes into, and who is told; a `damaged` payload is not there yet."""

    wanted: WantedFile
    storage: StorageSession
    meter: Meter
    waits: Waits
    expects: Expects
    damaged: Damaged | None

    async def present(self, learnt: Received | None = None) -> Fetched | None:
        """Return what is there already, by the digest that was promised or `learnt`."""
        sha256 = learnt.sha256 if learnt else self.wanted.sha256
        path = await self.storage.locate(sha256) if sha256 and not self.damaged else None
        if path is None or sha256 is None:
            return None
        size = (await in_thread(path.stat)).st_size
        self.meter.finish(size)
        return Fetched(sha256=sha256, size=size, path=path, how="present", etag=learnt.etag if learnt else "")

    async def take(self, sources: Iterable[DownloadSource]) -> Fetched:
        """Take it from the first of sources on this machine that has it."""
        errors: list[PapinError] = []
        for source in sources:
            assert not isinstance(source, HttpSource)
            try:
                return await self._take_one(source)
            except PapinError as error:
                errors.append(error)
        raise all_of(errors, self.wanted.name)

    async def _take_one(self, source: PackageSource | FileSource) -> Fetched:
        found = await in_thread(locate, source)
        async with self.storage.stage(staging_key(self.wanted), size=None) as staging:
            self.waits("", 0)
            # Whoever had it open before us may have finished it.
            present = await self.present()
            if present:
                return present
            received = await take_local(self.wanted, found, self.storage, staging, self.meter)
            return await self._admit(staging, received)

    async def download(
        self, sources: Sequence[HttpSource], http: Http, *, pace: Pace, hosts: Hosts, learns: Learns, base: Base | None
    ) -> Fetched:
        """Fetch it from mirrors."""
        async with self.storage.stage(staging_key(self.wanted), size=self.wanted.size) as staging:
            self.waits("", 0)  # whoever had it open before us is done with it
            learnt = None if self.wanted.sha256 else await learns()
            present = await self.present(learnt)
            if present and learnt:
                # From here on it is kept for this one too; but it may have gone just before.
                await self.expects(learnt)
                present = await self.present(learnt)
            if present:
                return present
            async with AsyncExitStack() as clients:
                mirrors = Mirrors(sources, http, clients)
                received = None
                graft = base.graft(self.wanted) if base else None
                if base and graft:
                    grafting = Grafting(self.wanted, base, graft, staging, self.meter)
                    received = await grafting.run(mirrors, pace=pace, waits=self.waits, hosts=hosts)
                if received is None:
                    if self.damaged:
                        await take_over(self.damaged, staging, self.meter)
                    engine = Engine(
                        self.wanted, mirrors, self.storage, self.meter, pace=pace, hosts=hosts, waits=self.waits
                    )
                    received = await engine.run(staging)
            return await self._admit(staging, received)

    async def _admit(self, staging: Staging, received: Received) -> Fetched:
        self.meter.enter("committing", total=received.size)
        await self.expects(received)
        replaces = self.damaged is not None
        path = await self.storage.admit(staging, sha256=received.sha256, size=received.size, replaces=replaces)
        self.meter.finish(received.size)
        return Fetched(
            sha256=received.sha256,
            size=received.size,
            path=path,
            how=received.how,
            blamed=received.blamed,
            etag=received.etag,
        )
