"""A payload whose digest is wrong: find which of its chunks are, and replace only those.

First what the disk lost, which the CRCs tell. What is left was wrong when it came: the file is read once more, from
another mirror if there is one, and every chunk that comes otherwise than before takes the place of the old one, until
the whole fits. When it never does, and only a few chunks came otherwise, each source may be wrong in some of them: then
every mix of the two is tried.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from papin._transfers._asker import Asker
from papin._transfers._disk import in_thread
from papin._transfers._judge import Body, Position
from papin._transfers._ledger import CHUNK, Ledger
from papin._transfers._meter import Meter
from papin._transfers._pace import Pace
from papin._transfers._payload import Payload
from papin._transfers._retry import Retries
from papin.errors import TransferFailed
from papin.models import HttpSource

if TYPE_CHECKING:
    from papin.http import StreamedResponse

_MIXED = 4  # chunks of which both kinds are kept, so that each mix can be tried
_HASHED = 32 << 30  # bytes that may be hashed for that: some minutes
_TRIED = 16  # changed chunks after each of which the whole is hashed; with more of them, once at the end


class Repair:
    """Mends one complete payload that should have the digest `sha256`.

    `is_mixed` tells whether that took chunks of both kinds: neither source has all of it right.
    """

    def __init__(
        self, payload: Payload, ledger: Ledger, asker: Asker, *, pace: Pace, meter: Meter, sha256: str
    ) -> None:
        self._payload = payload
        self._ledger = ledger
        self._asker = asker
        self._pace = pace
        self._meter = meter
        self._sha256 = sha256
        self._next = 0
        self._prefix = hashlib.sha256()  # of the chunks before the next one
        self._changed = 0
        self._before: dict[int, bytes] = {}
        self.is_mixed = False

    async def lost_on_disk(self) -> bool:
        """Forget the chunks that are not as they were written; return whether there were any."""
        lost = await in_thread(lambda: list(self._payload.damaged(self._ledger)))
        for number in lost:
            self._ledger.reject(number)
        return bool(lost)

    async def from_source(self, source: HttpSource) -> bool:
        """Compare with what `source` has; return whether the whole fits then.

        Raises:
            TransferFailed, NotFound: it cannot be read to the end.
        """
        self._next, self._prefix, self._changed, self._before = 0, hashlib.sha256(), 0, {}
        retries = Retries()
        while self._next < (self._ledger.count or 0):
            before = self._next
            try:
                if await self._attempt(source):
                    return True
            except TransferFailed as error:
                await retries.wait(error, progressed=self._next > before, asked=self._asker.asked)
        if self._changed > _TRIED:
            return await self._fits()
        self.is_mixed = await self._mix()
        return self.is_mixed

    async def _attempt(self, source: HttpSource) -> bool:
        start, total = self._next * CHUNK, self._ledger.total
        position = Position(offset=start, stop=total, entity=self._payload.entity, size=total, is_pinned=True)
        async with self._asker.ask(position, source) as (answer, verdict):
            if not isinstance(verdict, Body) or verdict.start != start:
                raise TransferFailed(f"{answer.where} does not give parts of the file", next_step="Use another source.")
            while self._next < (self._ledger.count or 0):
                view = await self._chunk(answer)
                if await self._compare(view):
                    return True
        return False

    async def _chunk(self, answer: StreamedResponse) -> memoryview:
        view = memoryview(bytearray(self._ledger.size(self._next)))
        filled = 0
        while filled < len(view):
            count = await answer.receive_into(view[filled:][: self._pace.piece])
            if not count:
                error = TransferFailed(f"{answer.where} ended too early", next_step="Run the same command again.")
                error.transient = True
                raise error
            filled += count
            await self._pace.take(count)
            self._meter.show(self._next * CHUNK + filled)
        return view

    async def _compare(self, view: memoryview) -> bool:
        """Take the next chunk if it is another one than before; return whether the whole fits then."""
        number, crc = self._next, zlib.crc32(view)
        is_other = crc != self._ledger.done[number]
        if is_other:
            self._changed += 1
            if self._changed <= _MIXED:
                self._before[number] = await in_thread(self._payload.bytes_of, number, len(view))
            await in_thread(self._payload.replace, number, view)
            self._ledger.complete(number, crc)
        await in_thread(self._prefix.update, view)
        self._next += 1
        return is_other and self._changed <= _TRIED and await self._fits()

    async def _fits(self) -> bool:
        whole = self._prefix.copy()
        await self._hash(range(self._next, self._ledger.count or 0), whole)
        return whole.hexdigest() == self._sha256

    async def _hash(self, numbers: range, into: hashlib._Hash) -> None:
        chunks = [(each, self._ledger.size(each), None) for each in numbers]
        await in_thread(self._payload.hash, chunks, into)

    async def _mix(self) -> bool:
        """Try the chunks that came in two ways in each mix of these, unless there are too many."""
        numbers = sorted(self._before)
        if not 1 < self._changed <= _MIXED or ((self._ledger.total or 0) << len(numbers)) > _HASHED:
            return False
        running = hashlib.sha256()
        await self._hash(range(numbers[0]), running)
        return await self._try(running, numbers, ())

    async def _try(self, running: hashlib._Hash, numbers: Sequence[int], back: tuple[int, ...]) -> bool:
        """Go on from `running` with either kind of each of `numbers`; `back` are those before that are the old ones."""
        if not numbers:
            return running.hexdigest() == self._sha256 and await self._put_back(back)
        number, *rest = numbers
        behind = range(number + 1, rest[0] if rest else self._ledger.count or 0)
        fresh, old = running.copy(), running.copy()
        await self._hash(range(number, behind.stop), fresh)
        if await self._try(fresh, rest, back):
            return True
        await in_thread(old.update, self._before[number])
        await self._hash(behind, old)
        return await self._try(old, rest, (*back, number))

    async def _put_back(self, numbers: Sequence[int]) -> bool:
        for number in numbers:
            view = memoryview(self._before[number])
            await in_thread(self._payload.replace, number, view)
            self._ledger.complete(number, zlib.crc32(view))
        return True
