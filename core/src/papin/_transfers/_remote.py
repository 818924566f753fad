"""A file from an http or https address, over one connection, resumed as often as need be."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import trio

from papin._transfers._disk import in_thread
from papin._transfers._judge import Body, Complete, Position, Restart, judge, refuse_web_page
from papin._transfers._meter import Meter
from papin._transfers._partial import Entity, Partial
from papin._transfers._received import Received
from papin._transfers._retry import Retries, retry_after
from papin.errors import DigestMismatch, DiskSpace, LoginRequired, SourceChanged, TransferFailed
from papin.http import Patience
from papin.models import HttpSource, WantedFile
from papin.sizes import size_text
from papin.storages import Staging, StorageSession

if TYPE_CHECKING:
    from papin.http import Client, StreamedResponse

PATIENCE = Patience(header=60.0, silence=30.0, rate=1024, window=30.0)

_BATCH = 1 << 20
_RESTARTS = 3
_SPARE = 256 << 20  # what a body without a length leaves free


class Remote:
    """One transfer from one address into an open staging area."""

    def __init__(
        self, wanted: WantedFile, source: HttpSource, client: Client, storage: StorageSession, meter: Meter
    ) -> None:
        self._wanted = wanted
        self._url = source.url
        self._client = client
        self._storage = storage
        self._meter = meter
        self._joined = False  # bytes of several answers
        self._received = False
        self._restarts = 0
        self._asked: float | None = None

    async def run(self, staging: Staging) -> Received:
        """Fetch it into `staging`.

        Raises:
            DigestMismatch: it is not what was promised; nothing of it is kept.
            TransferFailed, NotFound: it could not be fetched; what arrived is kept.
            StorageFailed, DiskSpace: it could not be written; what arrived is kept.
        """
        self._staging = staging
        self._partial = partial = await in_thread(Partial, staging)
        try:
            await in_thread(partial.recover, _stoppable(self._meter))
            self._joined = partial.offset > 0
            while True:
                await self._receive_all()
                digest = await self._verified()
                if digest:
                    return Received(sha256=digest, size=partial.offset, how="download")
        finally:
            with trio.CancelScope(shield=True):
                await in_thread(_leave, partial)

    @property
    def _position(self) -> Position:
        return Position(
            offset=self._partial.offset,
            entity=self._partial.entity,
            size=self._wanted.size,
            is_pinned=self._wanted.sha256 is not None,
        )

    async def _receive_all(self) -> None:
        retries = Retries()
        while self._partial.offset == 0 or self._partial.offset != self._position.total:
            before = self._partial.offset
            self._asked = None
            try:
                if await self._attempt():
                    return
            except TransferFailed as error:
                await in_thread(self._partial.checkpoint)
                await retries.wait(error, progressed=self._partial.offset > before, asked=self._asked)

    async def _attempt(self) -> bool:
        """Ask once; return whether the end of the file came."""
        headers = self._position.headers()
        async with self._client.stream("GET", self._url, headers=headers) as answer:
            match judge(answer.status, answer.headers, self._position, answer.where):
                case Complete():
                    return True
                case Restart(why=why):
                    await self._begin_anew(Entity(), why)
                    return False
                case Body(start=start, entity=entity):
                    return await self._take_body(answer, start, entity)
                case None:
                    raise self._refused(answer)

    def _refused(self, answer: StreamedResponse) -> TransferFailed:
        self._asked = retry_after(answer.headers)
        try:
            answer.raise_for_status()
        except LoginRequired as error:
            # A signed address that expired on the way: asking the first address again signs it anew.
            error.transient = self._received and answer.hops > 0
            raise
        raise TransferFailed(
            f"{answer.where} answered with status {answer.status}, which makes no sense for a file",
            next_step="Check the address.",
        )

    async def _begin_anew(self, entity: Entity, why: str) -> None:
        self._restarts += 1
        if self._restarts > _RESTARTS:
            raise SourceChanged(
                f"the download began anew {_RESTARTS} times, the last time because {why}",
                next_step="Use another source, or try again later.",
            )
        await in_thread(self._partial.restart, entity)

    async def _take_body(self, answer: StreamedResponse, start: int, entity: Entity) -> bool:
        # Nothing that is there is dropped before the answer has shown itself to be a file.
        piece = await answer.receive()
        if start == 0 and self._wanted.role != "sidecar":
            refuse_web_page(answer.headers, piece, answer.where)
        total = self._wanted.size if self._wanted.size is not None else entity.total
        if start == 0:
            await in_thread(self._partial.restart, entity)
        self._joined = start > 0
        if total is not None:
            await self._storage.reserve(self._staging, size=total)
        self._meter.enter("downloading", total=total)
        self._meter.show(start)
        await self._copy(answer, piece, total)
        return self._is_end(total, answer)

    async def _copy(self, answer: StreamedResponse, piece: bytes, total: int | None) -> None:
        batch: list[bytes] = []
        waiting = 0
        try:
            while piece:
                batch.append(piece)
                waiting += len(piece)
                if total is not None and self._partial.offset + waiting > total:
                    batch = []
                    await self._refuse_surplus(total, answer.where)
                if waiting >= _BATCH:
                    await self._write(batch, total)
                    batch, waiting = [], 0
                piece = await answer.receive()
        finally:
            # What came is kept, whatever ended it; when that was the user, within the time that a write takes.
            with trio.CancelScope(shield=True):
                await self._write(batch, total)

    async def _refuse_surplus(self, total: int, where: str) -> None:
        await in_thread(self._partial.restart, Entity())
        raise SourceChanged(
            f"{where} sends more than the {size_text(total)} that were announced", next_step="Use another source."
        )

    async def _write(self, batch: list[bytes], total: int | None) -> None:
        await in_thread(self._partial.write, batch)
        self._received = self._received or bool(batch)
        self._meter.show(self._partial.offset)
        if total is None and await in_thread(_free, self._staging) < _SPARE:
            raise DiskSpace(
                f"a file of unknown size has filled the disk: {size_text(self._partial.offset)} came so far",
                next_step="Free some space, then run the same command again.",
            )

    def _is_end(self, total: int | None, answer: StreamedResponse) -> bool:
        if total is None or self._partial.offset == total:
            return True
        if answer.status == 206:  # noqa: PLR2004  # a server may send less than the rest
            return False
        error = TransferFailed(
            f"{answer.where} ended after {size_text(self._partial.offset)} of {size_text(total)}",
            next_step="Run the same command again: it goes on where it stopped.",
        )
        error.transient = True
        raise error

    async def _verified(self) -> str:
        """Return the digest of what came, or nothing when it has to be fetched anew."""
        self._meter.enter("verifying")
        digest = await in_thread(self._partial.finish)
        if self._wanted.sha256 in (None, digest):
            return digest
        was_joined = self._joined
        await in_thread(self._partial.restart, Entity())
        if was_joined:
            # Old and new bytes may be of two files: one clean fetch tells.
            await self._begin_anew(Entity(), "the parts did not fit together")
            return ""
        raise DigestMismatch(
            f"what came for {self._wanted.name} is not what was promised: its SHA-256 is {digest[:16]}..., not "
            f"{str(self._wanted.sha256)[:16]}...",
            next_step="The file at the source is damaged or another one: use another source, or try again later.",
        )


def _free(staging: Staging) -> int:
    disk = os.statvfs(staging.folder)
    return disk.f_bavail * disk.f_frsize


def _leave(partial: Partial) -> None:
    try:
        partial.checkpoint()
    finally:
        partial.close()


def _stoppable(meter: Meter) -> Callable[[int], None]:
    def report(done: int) -> None:
        trio.from_thread.run_sync(meter.show, done)

    return report
