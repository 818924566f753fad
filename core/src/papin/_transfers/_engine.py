"""A file from http or https addresses: as many connections as help, resumed as often as need be, hashed on the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from math import inf
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import trio

from papin._transfers import _judge
from papin._transfers._asker import Asker, may_be_shared
from papin._transfers._body import Body
from papin._transfers._disk import in_thread
from papin._transfers._hasher import Hasher
from papin._transfers._hosts import Hosts
from papin._transfers._lanes import Lanes
from papin._transfers._ledger import CHUNK, NOTHING, Claim, Ledger, Part
from papin._transfers._meter import Meter
from papin._transfers._mirrors import Mirrors
from papin._transfers._notes import Entity
from papin._transfers._pace import Pace
from papin._transfers._payload import Payload
from papin._transfers._pipe import Pipe
from papin._transfers._received import Received
from papin._transfers._repair import Repair
from papin._transfers._retry import Retries, Waits, is_progress, tell_nobody
from papin._transfers._sums import pack
from papin._transfers._swarm import Swarm, check_part
from papin.errors import DigestMismatch, NotFound, SourceChanged, TransferFailed
from papin.models import HttpSource, WantedFile
from papin.storages import Staging, StorageSession

if TYPE_CHECKING:
    from papin.http import StreamedResponse

_RESTARTS = 3
_SMALL = 2 * (16 << 20)  # what is shorter is not worth a second connection


class Engine:
    """One transfer from `mirrors` into an open staging area."""

    def __init__(
        self,
        wanted: WantedFile,
        mirrors: Mirrors,
        storage: StorageSession,
        meter: Meter,
        *,
        pace: Pace,
        hosts: Hosts,
        waits: Waits = tell_nobody,
    ) -> None:
        self._waits = waits
        self._wanted = wanted
        self._mirrors = mirrors
        self._asker = Asker(mirrors)
        self._storage = storage
        self._meter = meter
        self._pace = pace
        self._hosts = hosts
        self._lanes = Lanes()
        self._restarts = 0
        self._came_at = -inf

    async def run(self, staging: Staging) -> Received:
        """Fetch it into `staging`.

        Raises:
            DigestMismatch: it is not what was promised; nothing of it is kept.
            TransferFailed, NotFound: it could not be fetched; what arrived is kept.
            StorageFailed, DiskSpace: it could not be written; what arrived is kept.
        """
        self._staging = staging
        self._is_finished = False
        self._payload = payload = await in_thread(Payload, staging)
        self._use(await in_thread(payload.recover))
        try:
            await self._receive_all()
            return await self._verified()
        finally:
            with trio.CancelScope(shield=True):
                await in_thread(_leave, payload, None if self._is_finished else self._ledger.parts)

    def _use(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._hasher = Hasher(self._payload, ledger)

    def _position(self, claim: Claim) -> _judge.Position:
        part = self._ledger.parts.get(claim.next, NOTHING)
        total = self._ledger.total
        return _judge.Position(
            offset=claim.next * CHUNK + part.filled,
            stop=None if total is None else min(total, claim.stop * CHUNK),
            entity=self._payload.entity,
            size=self._wanted.size,
            is_pinned=self._wanted.sha256 is not None,
        )

    async def _receive_all(self) -> None:
        retries = self._retries()
        while not self._hasher.is_complete:
            before = self._ledger.received
            try:
                async with self._hosts.one(self._host):
                    began = trio.current_time()
                    await self._session()
            except (TransferFailed, NotFound) as error:
                brought = self._ledger.received - before
                progressed = is_progress(brought, trio.current_time() - began)
                if progressed:
                    self._came_at = trio.current_time()
                retries = await self._go_on(error, retries, progressed=progressed)

    async def _go_on(self, error: TransferFailed | NotFound, retries: Retries, *, progressed: bool) -> Retries:
        """Wait for the next attempt, or turn to the next mirror."""
        source = self._mirrors.present
        try:
            if isinstance(error, NotFound):
                raise error
            await retries.wait(error, progressed=progressed, asked=self._asker.asked)
        except (TransferFailed, NotFound) as final:
            self._mirrors.blame(source, final)
            self._lanes = Lanes()
            return self._retries()
        return retries

    def _retries(self) -> Retries:
        is_last = not self._mirrors.others
        return Retries(persistent=is_last, hurried=not is_last, came_at=self._came_at, waits=self._waits)

    async def _session(self) -> None:
        """Ask for what is missing and take it, over as many connections as help, until one thing or another ends it."""
        claim = self._ledger.claim()
        if claim is None:
            await self._hash_rest()
            return
        try:
            await check_part(self._payload, self._ledger, claim.next)
            position = self._position(claim)
            async with self._asker.ask(position) as (answer, verdict):
                self._lanes.answered(self._asker.waited)
                match verdict:
                    case _judge.Complete():
                        self._ledger.end(position.offset)
                    case _judge.Restart(why=why):
                        await self._begin_anew(Entity(), why)
                    case _judge.Body():
                        await self._take(answer, claim, position, verdict)
        finally:
            self._ledger.give_up(claim)

    async def _take(
        self, answer: StreamedResponse, claim: Claim, position: _judge.Position, verdict: _judge.Body
    ) -> None:
        body = Body(answer, verdict.stop, self._pace)
        # Nothing that is there is dropped before the answer has shown itself to be a file.
        first = await body.peek()
        if verdict.start == 0 and self._wanted.role != "sidecar":
            _judge.refuse_web_page(answer.headers, first, answer.where)
        whole = await self._fit(claim, position, verdict)
        if whole is None:
            return
        total = self._ledger.total
        if total is not None:
            await self._storage.reserve(self._staging, size=total)
            await in_thread(self._payload.make_room, total)
        resumable = may_be_shared(answer) and self._position(whole).is_joinable
        self._meter.enter("downloading", total=total, resumable=resumable)
        self._meter.show(self._ledger.received)
        await self._swarm(body, whole, may_share=resumable)

    async def _fit(self, claim: Claim, position: _judge.Position, verdict: _judge.Body) -> Claim | None:
        """Return the claim that the body fits to: that one, if it belongs to what is there; or else, all of it."""
        entity = verdict.entity
        if verdict.start == position.offset and (verdict.start > 0 or position.is_same(entity)):
            if self._ledger.total is None and entity.total is not None:
                self._ledger.end(entity.total)
            return claim
        await in_thread(self._payload.restart, entity)
        self._use(Ledger(self._wanted.size if self._wanted.size is not None else entity.total))
        return self._ledger.claim()

    async def _swarm(self, body: Body, claim: Claim, *, may_share: bool) -> None:
        pipe = Pipe(self._payload, self._ledger, self._hasher)
        swarm = Swarm(
            asker=self._asker,
            payload=self._payload,
            ledger=self._ledger,
            pipe=pipe,
            lanes=self._lanes,
            pace=self._pace,
            meter=self._meter,
            position=self._position,
        )
        total = self._ledger.total
        if may_share and total is not None and total > _SMALL:
            swarm.allow_more(partial(self._hosts.one_more, self._host), partial(self._hosts.is_wanted, self._host))
        await self._flow(pipe, partial(swarm.run, body, claim))
        if swarm.anew:
            await self._begin_anew(Entity(), swarm.anew)
        elif isinstance(swarm.error, SourceChanged) and self._wanted.sha256 is None:
            # It goes on after its end, and no digest could tell that its beginning is right.
            await self._drop()
            raise swarm.error
        elif swarm.error and not self._ledger.is_complete:
            raise swarm.error

    async def _hash_rest(self) -> None:
        self._meter.enter("verifying")
        await self._flow(Pipe(self._payload, self._ledger, self._hasher), trio.lowlevel.checkpoint)

    async def _flow(self, pipe: Pipe, fill: Callable[[], Awaitable[None]]) -> None:
        """Run `fill`, and what comes behind it; make durable what that brought."""
        async with pipe.running():
            await fill()
        if pipe.error:
            raise pipe.error
        if not self._ledger.is_complete:
            await in_thread(self._payload.leave, self._ledger.parts)

    async def _begin_anew(self, entity: Entity, why: str) -> None:
        self._restarts += 1
        if self._restarts > _RESTARTS:
            raise SourceChanged(
                f"the download began anew {_RESTARTS} times, the last time because {why}",
                next_step="Use another source, or try again later.",
            )
        await in_thread(self._payload.restart, entity)
        self._use(Ledger(self._wanted.size))

    @property
    def _host(self) -> str:
        return urlsplit(self._mirrors.present.url).netloc

    async def _verified(self) -> Received:
        total, promised = self._ledger.received, self._wanted.sha256
        self._meter.show(total)
        self._meter.enter("verifying", total=total)
        digest = self._hasher.digest
        if promised not in (None, digest):
            digest = await self._mended(promised or "")
            total = self._ledger.received
        await in_thread(self._payload.finish, total)
        self._is_finished = True
        blamed = tuple(error.message for _, error in self._mirrors.blamed)
        etag = (self._payload.entity and self._payload.entity.etag) or ""
        return Received(
            sha256=digest, size=total, how="download", blamed=blamed, etag=etag.strip('"'), sums=pack(self._ledger)
        )

    async def _mended(self, promised: str) -> str:
        """Return the digest when it could be made the one that was promised."""
        found = self._hasher.digest
        repair = Repair(self._payload, self._ledger, self._asker, pace=self._pace, meter=self._meter, sha256=promised)
        if await repair.lost_on_disk():
            self._hasher = Hasher(self._payload, self._ledger)
            await self._receive_all()
            if self._hasher.digest == promised:
                return promised
        present, wrong = self._mirrors.present, self._mismatch(found)
        for source in self._mirrors.others or [present]:
            try:
                if await repair.from_source(source):
                    self._mirrors.note(present, wrong)
                    if repair.is_mixed and source is not present:
                        self._mirrors.note(source, self._partly_wrong(source))
                    return promised
            except (TransferFailed, NotFound) as error:
                self._mirrors.note(source, error)
        await self._drop()
        raise wrong

    async def _drop(self) -> None:
        await in_thread(self._payload.restart, Entity())
        self._use(Ledger())

    def _mismatch(self, digest: str) -> DigestMismatch:
        return DigestMismatch(
            f"what came from {self._host} for {self._wanted.name} is not what was promised: its SHA-256 is "
            f"{digest[:16]}..., not {str(self._wanted.sha256)[:16]}...",
            next_step="The file at the source is damaged or another one: use another source, or try again later.",
        )

    def _partly_wrong(self, source: HttpSource) -> DigestMismatch:
        return DigestMismatch(
            f"some of what {urlsplit(source.url).netloc} has for {self._wanted.name} is not what was promised",
            next_step="Use another source.",
        )


def _leave(payload: Payload, begun: Mapping[int, Part] | None) -> None:
    try:
        if begun is not None:
            payload.leave(begun)
    finally:
        payload.close()
