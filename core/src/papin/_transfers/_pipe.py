"""Bytes that came are written, made durable, noted and hashed: each in a thread of its own, one behind the other.

The buffers are few and pass from connection to writer and back, so that the memory is the same at any speed. The
hasher follows in order and reads what was written from the page cache: so the digest is that of the file, and chunks
may come in any order.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from math import inf

import trio

from papin._transfers._disk import in_thread
from papin._transfers._ledger import Ledger
from papin._transfers._payload import Filling, Payload, Piece
from papin.errors import PapinError

PIECE = 1 << 20

_BUFFERS = 24
_CHECKPOINT = 16 << 20
_EVERY = 1.0  # seconds between checkpoints of a slow transfer
_NOTED = 1 << 20  # what the beginning of a chunk must have grown by to be noted again
_BATCH = 8  # chunks that are hashed in one go


class Bell:
    """Wakes whoever waits, and those that come to wait after."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def ring(self) -> None:
        """Wake them."""
        self._event.set()

    async def wait(self) -> None:
        """Wait until it was rung since the last time."""
        await self._event.wait()
        self._event = trio.Event()


class Hasher:
    """The running SHA-256 of a payload, in order. `position` is the first chunk that is not in it."""

    def __init__(self, payload: Payload, ledger: Ledger) -> None:
        self._payload = payload
        self._ledger = ledger
        self._old = dict(ledger.done)  # of an earlier process: read with care
        self._hash = hashlib.sha256()
        self.position = 0

    @property
    def is_complete(self) -> bool:
        """Tell whether everything is in it."""
        return self._ledger.is_complete and self.position == self._ledger.count

    @property
    def digest(self) -> str:
        """The digest so far."""
        return self._hash.hexdigest()

    async def advance(self) -> bool:
        """Hash the chunks that follow and are there; return whether there were any."""
        done = self._ledger.done
        numbers: list[int] = []
        while len(numbers) < _BATCH and self.position + len(numbers) in done:
            numbers.append(self.position + len(numbers))
        chunks = [(number, self._ledger.size(number), self._old.get(number)) for number in numbers]
        if not chunks:
            return False
        agreed = await in_thread(self._payload.hash, chunks, self._hash)
        self.position += agreed
        if agreed < len(numbers):
            self._old.pop(numbers[agreed], None)
            self._ledger.reject(numbers[agreed])
        return True


class Pipe:
    """The way of bytes from the connections to the disk. `held_up` counts the seconds in which they waited for it."""

    def __init__(self, payload: Payload, ledger: Ledger, hasher: Hasher) -> None:
        self._payload = payload
        self._ledger = ledger
        self._hasher = hasher
        self._send, self._receive = trio.open_memory_channel[Piece | Callable[[], None]](inf)
        self._buffers: list[bytearray] = []
        self._room = trio.Semaphore(_BUFFERS)
        self._fillings: set[Filling] = set()
        self._fresh: dict[int, int] = {}
        self._noted: dict[int, int] = {}
        self._unsynced = 0
        self._synced_at = trio.current_time()
        self._to_sync = Bell()
        self._to_hash = Bell()
        self._closing = False
        self.error: PapinError | None = None
        self.held_up = 0.0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[trio.CancelScope]:
        """Keep it going; what was sent is written before this ends, whatever ends it.

        Gives a scope that is cancelled when the disk fails; `error` says how.
        """
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._guard, self._write_all, scope)
                nursery.start_soon(self._guard, self._sync_all, scope)
                nursery.start_soon(self._guard, self._hash_all, scope)
                try:
                    yield scope
                finally:
                    self._send.close()

    async def _guard(self, work: Callable[[], Awaitable[None]], scope: trio.CancelScope) -> None:
        try:
            await work()
        except PapinError as error:
            self.error = self.error or error
            scope.cancel()

    # For connections.

    async def buffer(self) -> bytearray:
        """Return a free buffer of `PIECE` bytes, as soon as there is one."""
        try:
            self._room.acquire_nowait()
        except trio.WouldBlock:
            began = trio.current_time()
            await self._room.acquire()
            self.held_up += trio.current_time() - began
        return self._buffers.pop() if self._buffers else bytearray(PIECE)

    def give_back(self, buffer: bytearray) -> None:
        """Return a buffer."""
        self._buffers.append(buffer)
        self._room.release()

    def open(self, filling: Filling) -> Filling:
        """Announce a chunk that pieces of will come."""
        self._fillings.add(filling)
        return filling

    def put(self, piece: Piece) -> None:
        """Send a piece on its way. Its buffer comes back by itself."""
        self._hand_over(piece)

    def settle(self, filling: Filling) -> None:
        """Have a chunk that nothing more comes of put back, once what came is written."""
        self._hand_over(lambda: self._put_back(filling))

    def after(self, act: Callable[[], None]) -> None:
        """Call `act` on the event loop when everything that was sent so far is written."""
        self._hand_over(act)

    def _hand_over(self, item: Piece | Callable[[], None]) -> None:
        try:
            self._send.send_nowait(item)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # the disk failed; `error` tells

    # The writer.

    async def _write_all(self) -> None:
        with trio.CancelScope(shield=True), self._receive:
            async for first in self._receive:
                await self._write_batch(first)
        self._closing = True
        self._to_sync.ring()
        self._to_hash.ring()

    async def _write_batch(self, item: Piece | Callable[[], None]) -> None:
        pieces: list[Piece] = []
        act: Callable[[], None] | None = None
        while act is None:
            if isinstance(item, Piece):
                pieces.append(item)
            else:
                act = item
                break
            try:
                item = self._receive.receive_nowait()
            except (trio.WouldBlock, trio.EndOfChannel):
                break
        if pieces:
            await in_thread(self._payload.write, pieces)
            if self._ledger.total is None:
                await in_thread(self._payload.check_space)
        for piece in pieces:
            self._account(piece)
        if act:
            act()

    def _account(self, piece: Piece) -> None:
        self.give_back(piece.buffer)
        filling = piece.filling
        self._unsynced += piece.size
        if filling.part.filled == self._ledger.size(filling.number) and filling in self._fillings:
            self.complete(filling)
        if self._unsynced >= _CHECKPOINT or trio.current_time() - self._synced_at >= _EVERY:
            self._to_sync.ring()

    def complete(self, filling: Filling) -> None:
        """Record that a chunk is there."""
        self._fillings.discard(filling)
        self._ledger.complete(filling.number, filling.part.crc)
        self._fresh[filling.number] = filling.part.crc
        self._noted.pop(filling.number, None)
        self._to_hash.ring()

    def _put_back(self, filling: Filling) -> None:
        if filling in self._fillings:
            self._fillings.discard(filling)
            self._ledger.put_back(filling.number, filling.part)

    # The others.

    async def _sync_all(self) -> None:
        while not self._closing:
            await self._to_sync.wait()
            if self._unsynced and not self._closing:
                await self._sync()

    async def _sync(self) -> None:
        fresh, self._fresh, self._unsynced = self._fresh, {}, 0
        begun = {filling.number: filling.part for filling in self._fillings if self._has_grown(filling)}
        await in_thread(self._payload.sync, fresh, begun)
        self._noted.update({number: part.filled for number, part in begun.items()})
        self._synced_at = trio.current_time()

    def _has_grown(self, filling: Filling) -> bool:
        return filling.part.filled - self._noted.get(filling.number, 0) >= _NOTED

    @property
    def rest(self) -> dict[int, int]:
        """The chunks that were written and not noted yet, with their CRCs."""
        return self._fresh

    async def _hash_all(self) -> None:
        while True:
            # When more is to come, another pipe goes on from here; nobody waits for that.
            if self._closing and not self._ledger.is_complete:
                return
            if not await self._hasher.advance():
                if self._closing:
                    return
                await self._to_hash.wait()
