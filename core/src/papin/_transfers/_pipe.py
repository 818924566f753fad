"""Bytes that came are written and noted, made durable, hashed: each in its own thread, one behind the other.

The buffers are few and pass from connection to writer and back, so that the memory is the same at any speed. Chunks
that come in order stay in their buffers until they are hashed; all others are read again from the file, and so chunks
may come in any order. Whoever is too fast waits: for a buffer, for the disk to make durable what it was given, or for
the hasher.
"""

from __future__ import annotations

import mmap
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from itertools import groupby
from math import inf

import trio

from papin._transfers._disk import in_thread
from papin._transfers._hasher import Hasher
from papin._transfers._lanes import MOST
from papin._transfers._ledger import CHUNK, Ledger
from papin._transfers._payload import Filling, Payload, Piece
from papin.errors import PapinError

PIECE = 1 << 20

_BUFFERS = 36
_UNWRITTEN = 9 << 20  # what may have come and not be written: with `_ASKED` and what is not noted, I3's 16 MiB
_ASKED = 5 << 20  # what all connections together may be about to receive
_SHARE = 256 << 10  # of that, what is left for each of those that ask for nothing yet
_HELD = 5  # chunks that may stay in their buffers: every connection must still find one
_BEHIND = 3  # chunks that wait in theirs to be hashed where the hasher is the slowest
_CHECKPOINT = 16 << 20
_EVERY = 1.0  # seconds between checkpoints of a slow transfer
_AHEAD = 64 << 20  # what may be written and not durable yet
_RATE_OVER = 0.1  # seconds
_FAST = 64e6  # bytes a second that go past the page cache, see `_data`
_FASTER = 200e6  # the same for what has to be read again to be hashed: more than a disk with heads can do


_Item = Piece | Callable[[], None]


def _all_waiting(channel: trio.MemoryReceiveChannel[_Item], first: _Item) -> list[_Item]:
    """Return `first` and what else is there already: the more at once, the fewer turns of the threads."""
    return [first] + [channel.receive_nowait() for _ in range(channel.statistics().current_buffer_used)]


def _hand_over(channel: trio.MemorySendChannel[_Item], item: _Item) -> None:
    try:
        channel.send_nowait(item)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return  # the disk failed; `error` tells


class Bell:
    """Wakes the one that waits, or that comes to wait after."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def ring(self) -> None:
        """Wake it."""
        self._event.set()

    async def wait(self) -> None:
        """Wait until it was rung since the last time."""
        await self._event.wait()
        self._event = trio.Event()


class Pipe:
    """The way of bytes from the connections to the disk. `held_up` counts the seconds in which they waited for it."""

    def __init__(self, payload: Payload, ledger: Ledger, hasher: Hasher) -> None:
        self._payload = payload
        self._ledger = ledger
        self._hasher = hasher
        self._send, self._receive = trio.open_memory_channel[_Item](inf)
        self._buffers: list[mmap.mmap] = []
        self._room = trio.Semaphore(_BUFFERS)
        self._unwritten = 0
        self._written = trio.Event()
        self._asked = self._asking = 0  # bytes, and connections
        self._fillings: set[Filling] = set()
        self._held: dict[int, list[Piece]] = {}
        self._unsynced = 0
        self._rate = 0.0
        self._rate_since = trio.current_time()
        self._rate_bytes = 0
        self._synced_at = trio.current_time()
        self._is_syncing = True
        self._to_sync = Bell()
        self._synced = Bell()
        self._to_hash = Bell()
        self._hashed = trio.Event()
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

    async def buffer(self) -> mmap.mmap:
        """Return a free buffer of `PIECE` bytes, as soon as there is one and most of what came before is written."""
        began = trio.current_time()
        while self.is_full:
            await self._written.wait()
        try:
            self._room.acquire_nowait()
        except trio.WouldBlock:
            await self._room.acquire()
        self.held_up += trio.current_time() - began
        # Whole pages, as a write past the page cache needs them.
        return self._buffers.pop() if self._buffers else mmap.mmap(-1, PIECE)

    @property
    def is_full(self) -> bool:
        """Tell whether nothing more should be received before something is written: a kill would cost it."""
        return self._unwritten >= _UNWRITTEN

    @property
    def is_hash_bound(self) -> bool:
        """Tell whether what comes in order, over one connection, comes faster than it is hashed."""
        following = range(self._hasher.position, self._hasher.position + _BEHIND)
        return all(number in self._held and number in self._ledger.done for number in following)

    @contextmanager
    def asking(self) -> Iterator[int]:
        """Give the bytes that a connection may receive now: fewer where there are many, as all may come at once."""
        size = max(_SHARE, min(PIECE, _ASKED - self._asked - _SHARE * (MOST - 1 - self._asking)))
        self._asked += size
        self._asking += 1
        try:
            yield size
        finally:
            self._asked -= size
            self._asking -= 1

    def came(self, count: int) -> None:
        """Account for bytes that were received into a buffer, of a piece that is put when it is full."""
        self._unwritten += count

    def give_back(self, buffer: mmap.mmap) -> None:
        """Return a buffer."""
        self._buffers.append(buffer)
        self._room.release()

    async def open(self, filling: Filling) -> None:
        """Announce a chunk that pieces of will come; wait if it is next in order and the hasher cannot follow."""
        self._fillings.add(filling)
        began = trio.current_time()
        while self._hasher_is_behind(filling.number):
            await self._hashed.wait()
        self.held_up += trio.current_time() - began
        if not filling.part.filled and filling.number < self._hasher.position + _HELD and len(self._held) < _HELD:
            self._held[filling.number] = []

    def _hasher_is_behind(self, number: int) -> bool:
        position = self._hasher.position
        if number != position + _HELD or any(each not in self._held for each in range(position, number)):
            return False
        return all(each.sent == self._ledger.size(each.number) for each in self._fillings if each.number < number)

    def put(self, piece: Piece) -> None:
        """Send a piece on its way. Its buffer comes back by itself."""
        piece.filling.sent += piece.size
        _hand_over(self._send, piece)

    def settle(self, filling: Filling) -> None:
        """Have a chunk that nothing more comes of put back, once what came is written."""
        _hand_over(self._send, lambda: self._put_back(filling))

    def after(self, act: Callable[[], None]) -> None:
        """Call `act` on the event loop when everything that was sent so far is written."""
        _hand_over(self._send, act)

    # What was sent is written; nothing of it is left out, whatever ends the transfer.

    async def _write_all(self) -> None:
        try:
            with trio.CancelScope(shield=True), self._receive:
                async for first in self._receive:
                    await self._write_in_order(_all_waiting(self._receive, first))
        finally:
            self._closing = True
            self._to_sync.ring()
            self._to_hash.ring()

    async def _write_in_order(self, items: Sequence[_Item]) -> None:
        for is_piece, group in groupby(items, lambda item: isinstance(item, Piece)):
            if is_piece:
                await self._write([item for item in group if isinstance(item, Piece)])
            else:
                for act in group:
                    assert not isinstance(act, Piece)
                    act()

    async def _write(self, pieces: list[Piece]) -> None:
        while self._unsynced >= _AHEAD and self._is_syncing:
            await self._synced.wait()
        is_held = all(piece.filling.number in self._held for piece in pieces)
        direct = self._rate > (_FAST if is_held else _FASTER)
        await in_thread(partial(self._payload.write, pieces, self._ledger.size, direct=direct))
        if self._ledger.total is None:
            await in_thread(self._payload.check_space)
        for piece in pieces:
            self._account(piece)
        self._unwritten -= sum(piece.size for piece in pieces)
        self._written.set()
        self._written = trio.Event()
        self._measure(sum(piece.size for piece in pieces))

    def _measure(self, count: int) -> None:
        self._unsynced += count
        self._rate_bytes += count
        now = trio.current_time()
        if now - self._rate_since >= _RATE_OVER:
            self._rate = self._rate_bytes / (now - self._rate_since)
            self._rate_since, self._rate_bytes = now, 0
        self._to_sync.ring()

    def _account(self, piece: Piece) -> None:
        filling = piece.filling
        held = self._held.get(filling.number)
        if held is not None and len(held) == CHUNK // PIECE:
            # It comes so slowly that its buffers are not full; they are not for waiting in.
            self._release(filling.number)
            held = None
        if held is None:
            self.give_back(piece.buffer)
        else:
            held.append(piece)
        if filling.part.filled == self._ledger.size(filling.number) and filling in self._fillings:
            self.complete(filling)

    def complete(self, filling: Filling) -> None:
        """Record that a chunk is there."""
        self._fillings.discard(filling)
        self._ledger.complete(filling.number, filling.part.crc)
        self._to_hash.ring()

    def _put_back(self, filling: Filling) -> None:
        if filling in self._fillings:
            self._fillings.discard(filling)
            self._release(filling.number)
            self._ledger.put_back(filling.number, filling.part)

    def _release(self, number: int) -> None:
        for piece in self._held.pop(number, ()):
            self.give_back(piece.buffer)
        self._hashed.set()
        self._hashed = trio.Event()

    # The others.

    async def _sync_all(self) -> None:
        try:
            while not self._closing:
                due = self._synced_at + _EVERY if self._unsynced else inf
                if self._unsynced >= _CHECKPOINT or trio.current_time() >= due:
                    await self._sync()
                    continue
                with trio.move_on_at(due):
                    await self._to_sync.wait()
        finally:
            self._is_syncing = False
            self._synced.ring()

    async def _sync(self) -> None:
        count = self._unsynced
        await in_thread(self._payload.sync)
        self._unsynced -= count
        self._synced_at = trio.current_time()
        self._synced.ring()

    async def _hash_all(self) -> None:
        while True:
            # When more is to come, another pipe goes on from here; nobody waits for that.
            if self._closing and not self._ledger.is_complete:
                return
            if await self._hasher.advance(self._held, self._release):
                continue
            if self._closing:
                return
            await self._to_hash.wait()
