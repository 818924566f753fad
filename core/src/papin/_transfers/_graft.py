"""A file of which only the beginning is new: the rest is copied from the version that is here already.

Publishers upload a model again with a better template or other metadata, and its weights are the same to the byte. They
stand behind the header, up to the end of the file; so the sizes of both files tell where they begin in the new one,
whatever its header says, which nobody has to read and believe for that. Some spots of them are compared with what the
source has, and where all are the same, only what comes before is fetched.

The digest of the whole decides. What an ordinary download left is dropped where less is fetched so, and all that came
of the weights is here too; else that download goes on as it was. Nothing is noted of what was copied: whoever finds it
after a kill begins anew.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack, closing

import trio

from papin._transfers._asker import Asker
from papin._transfers._base import Base, Graft
from papin._transfers._data import DataFile
from papin._transfers._disk import disk_errors, in_thread
from papin._transfers._here import UnfitError, opened, read_at
from papin._transfers._hosts import Hosts
from papin._transfers._ledger import CHUNK, Ledger
from papin._transfers._meter import Meter
from papin._transfers._mirrors import Mirrors
from papin._transfers._notes import forget_notes
from papin._transfers._pace import Pace
from papin._transfers._parts import Parts
from papin._transfers._payload import Payload
from papin._transfers._received import Received
from papin._transfers._retry import Retries, Waits
from papin._transfers._sums import Digest
from papin.errors import NotFound, PapinError, TooManyRequests, TransferFailed
from papin.http import Http
from papin.models import HttpSource, WantedFile
from papin.storages import Staging

_SPOT = 64 << 10  # bytes that are compared at each place
_EIGHTHS = (4, 8, 0, 2, 6, 1, 3, 5, 7)  # where the places are; other weights differ in the middle if anywhere
_FIRST = 2  # places that are enough to say how much would be fetched
_ENOUGH = 5.0  # seconds that saying so may take
_PIECE, _AHEAD = 4 << 20, 4
_DURABLE = 32 << 20  # what is written before it is made durable, so that the end does not take long


async def likely(wanted: WantedFile, base: Base, http: Http) -> int:
    """Return how many bytes of `wanted` are likely at the end of `base` and need not be fetched, nor compared.

    Costs two small requests at most.
    """
    graft = base.graft(wanted)
    sources = [source for source in wanted.sources if isinstance(source, HttpSource)]
    if graft is None or not sources:
        return 0
    agreed = 0
    async with AsyncExitStack() as clients:
        with trio.move_on_after(_ENOUGH):
            parts = Parts(wanted, Asker(Mirrors(sources, http, clients)), sources[0])
            try:
                agreed = await _agreed(parts, base, graft, _FIRST)
            except (PapinError, UnfitError):
                return 0
    return graft.length - len(_EIGHTHS) * _SPOT if agreed == _FIRST else 0


async def _agreed(parts: Parts, base: Base, graft: Graft, most: int) -> int:
    """Return how many of the first `most` places are the same here and there; the first that is not ends it."""
    for number, eighth in enumerate(_EIGHTHS[:most]):
        at = (graft.length - _SPOT) * eighth // 8
        here = await in_thread(_spot, base, graft.start + at)
        if await parts.get(graft.offset + at, graft.offset + at + _SPOT) != here:
            return number
    return most


def _spot(base: Base, start: int) -> bytearray:
    spot = bytearray(_SPOT)
    with opened(base.path) as file:
        read_at(file, start, memoryview(spot))
    return spot


class Grafting:
    """Makes `wanted`, in an open staging area, of its beginning at a source and of the end of `base`."""

    def __init__(self, wanted: WantedFile, base: Base, graft: Graft, staging: Staging, meter: Meter) -> None:
        self._wanted = wanted
        self._base = base
        self._graft = graft
        self._staging = staging
        self._meter = meter
        self._total = graft.offset + graft.length

    async def run(self, mirrors: Mirrors, *, pace: Pace, waits: Waits, hosts: Hosts) -> Received | None:
        """Return what it made, or None where that is not possible; then it left nothing, and nobody is to blame.

        Raises:
            TransferFailed: its sources cannot be reached now; to fetch all of it would be no better.
            StorageFailed, DiskSpace: it could not be written.
        """
        if not await in_thread(self._may_begin):
            return None
        failed: TransferFailed | None = None
        for source in (mirrors.present, *mirrors.others):
            retries = Retries(persistent=not mirrors.others, waits=waits)
            parts = Parts(self._wanted, Asker(mirrors), source, pace=pace, hosts=hosts, retries=retries)
            try:
                head = await self._head(parts)
            except (NotFound, UnfitError):
                continue
            except TransferFailed as error:
                if error.transient or isinstance(error, TooManyRequests):
                    failed = error
                continue
            return await self._completed(head, parts.etag) if head else None
        if failed is not None:
            raise failed
        return None

    def _may_begin(self) -> bool:
        """Tell whether what an ordinary download left is no loss: nothing, or here too, and more is missing."""
        with closing(Payload(self._staging)) as payload:
            there = payload.recover()
        if not there.received:
            return True
        is_less = there.total == self._total and self._graft.offset < self._total - there.received
        return is_less and self._is_here(there)

    def _is_here(self, there: Ledger) -> bool:
        filled = {number: there.size(number) for number in there.done}
        filled |= {number: part.filled for number, part in there.parts.items()}
        ours, theirs = memoryview(bytearray(CHUNK)), memoryview(bytearray(CHUNK))
        try:
            with opened(self._staging.data) as arrived, opened(self._base.path) as base:
                for number, count in sorted(filled.items()):
                    trio.from_thread.check_cancelled()
                    begin = max(number * CHUNK, self._graft.offset)
                    size = max(0, number * CHUNK + count - begin)
                    read_at(arrived, begin, theirs[:size])
                    read_at(base, self._graft.start + begin - self._graft.offset, ours[:size])
                    if ours[:size] != theirs[:size]:
                        return False
        except UnfitError:
            return False
        return True

    async def _head(self, parts: Parts) -> bytearray | None:
        """Return what comes before the weights, or None when those are others."""
        agreed = await _agreed(parts, self._base, self._graft, len(_EIGHTHS))
        if agreed < len(_EIGHTHS):
            if agreed >= _FIRST:
                self._base.otherwise()
            return None
        self._meter.enter("downloading", total=self._total)
        return await parts.get(0, self._graft.offset, self._meter.show)

    async def _completed(self, head: bytearray, etag: str) -> Received | None:
        self._meter.enter("verifying", total=self._total)
        digest = await in_thread(self._put_together, head)
        if not self._is_it(digest):
            self._base.otherwise()
            return None
        sums = digest.sums
        return Received(sha256=digest.hexdigest(), size=self._total, how="copy", etag=etag.strip('"'), sums=sums)

    def _is_it(self, digest: Digest) -> bool:
        return digest.hexdigest() == self._wanted.sha256

    # --- in a thread ---

    def _put_together(self, head: bytearray) -> Digest:
        """Write both parts, durably; return the digest, and leave nothing where it is not the one that was promised."""
        forget_notes(self._staging.folder)
        with disk_errors("the unfinished download"), closing(DataFile(self._staging.data)) as data:
            digest = Digest()
            try:
                data.truncate(0)
                data.write(0, [memoryview(head)])
                digest.update(head)
                self._copy_rest(data, digest)
            except UnfitError:
                return Digest()
            finally:
                data.truncate(self._total if self._is_it(digest) else 0)
            data.sync()
        return digest

    def _copy_rest(self, data: DataFile, digest: Digest) -> None:
        """Put the end of the base behind what is there, and add it to the digest of that."""
        buffers = [memoryview(bytearray(_PIECE)) for _ in range(_AHEAD)]
        hashed: deque[Future[None]] = deque()
        # Hashed while the next pieces are copied: either takes about as long.
        with opened(self._base.path) as source, ThreadPoolExecutor(1) as hasher:
            for number, done in enumerate(range(0, self._graft.length, _PIECE)):
                if len(hashed) == _AHEAD:
                    hashed.popleft().result()
                view = buffers[number % _AHEAD][: self._graft.length - done]
                self._copy(data, source, done, view)
                hashed.append(hasher.submit(digest.update, view))
                self._meter.show_from_thread(self._graft.offset + done + len(view))
                if not (done + len(view)) % _DURABLE:
                    data.sync_data()

    def _copy(self, data: DataFile, source: int, done: int, view: memoryview) -> None:
        """Copy a piece, and have it in `view`. What the system copies takes no space where blocks can be shared."""
        start, at = self._graft.start + done, self._graft.offset + done
        if not (data.copy(source, start, at, len(view)) and data.read(at, view)):
            read_at(source, start, view)
            data.write(at, [view])
