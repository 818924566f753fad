"""The bytes of a payload that is being received, and the notes about them, on disk."""

from __future__ import annotations

import hashlib
import mmap
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

from papin._transfers._data import DataFile
from papin._transfers._disk import disk_errors
from papin._transfers._ledger import CHUNK, NOTHING, Ledger, Part
from papin._transfers._notes import Entity, Notes
from papin.errors import DiskSpace, StorageFailed
from papin.sizes import size_text
from papin.storages import Staging

_SPARE = 256 << 20  # what a body without a length leaves free
_NOTED = 64 << 10  # what the beginning of a chunk must have grown by to be noted again
_RUN = 4 << 20  # what is written at once
_WHAT = "the unfinished download"

_Chunk = tuple[int, int, int | None]  # number, size, CRC or None


@dataclass(eq=False, slots=True)
class Filling:
    """A chunk that is being written: what of it is in the file. Replaced as a whole, so that any thread may read it.

    `sent` counts its bytes that were sent to be written, `noted` those that the notes tell of.
    """

    number: int
    part: Part
    sent: int = 0
    noted: int = 0


class Piece(NamedTuple):
    """The next bytes of a chunk: the first `size` of `buffer`, which nobody touches until they are written."""

    filling: Filling
    buffer: mmap.mmap
    size: int

    @property
    def view(self) -> memoryview:
        """The bytes."""
        return memoryview(self.buffer)[: self.size]


class Payload:
    """The open files of a staging area. Every method blocks; different chunks may be worked on at the same time."""

    def __init__(self, staging: Staging) -> None:
        self.entity: Entity | None = None
        # Made once: fresh memory for every chunk costs as much as reading it.
        self._buffers = [memoryview(mmap.mmap(-1, CHUNK)) for _ in range(2)]
        self._reader = ThreadPoolExecutor(1)  # in order: no two reads into the same buffer at once
        self._direct: set[int] = set()  # chunks that are not in the page cache
        self._unsure: set[int] = set()  # chunks that were noted since the last time that all was durable
        self._lost: StorageFailed | None = None
        with disk_errors(_WHAT):
            self._data = DataFile(staging.data)
            try:
                self._notes = Notes(staging.folder)
            except BaseException:
                self._data.close()
                raise

    def recover(self) -> Ledger:
        """Return what is there, by the notes; whether it still is as it was written shows when it is read."""
        with disk_errors(_WHAT):
            self.entity, ledger = self._notes.read(self._data.size)
        return ledger

    def restart(self, entity: Entity) -> None:
        """Drop all bytes and notes: what comes now is `entity`, from its beginning."""
        with disk_errors(_WHAT):
            # The notes first: bytes without notes are nothing, notes without bytes are a lie until somebody looks.
            self._notes.restart(entity)
            self._data.truncate(0)
        self._unsure.clear()
        self._direct.clear()
        self.entity = entity

    def make_room(self, total: int) -> None:
        """Make room for the notes of `total` bytes, so that no full disk keeps them from being written."""
        with disk_errors(_WHAT):
            self._notes.make_room(total)

    def write(self, pieces: Sequence[Piece], size_of: Callable[[int], int], *, direct: bool = False) -> None:
        """Write `pieces`, each behind the one before it of its chunk, and note it. `size_of` gives a chunk's length."""
        if self._lost:
            raise self._lost
        with disk_errors(_WHAT):
            for run in _runs(pieces):
                first = run[0].filling
                views = [piece.view for piece in run]
                self._data.write(first.number * CHUNK + first.part.filled, views, direct=direct)
                for piece in run:
                    filled, crc = piece.filling.part
                    piece.filling.part = Part(filled + piece.size, zlib.crc32(piece.view, crc))
            fillings = {piece.filling for piece in pieces}
            if direct:
                self._direct.update(filling.number for filling in fillings)
            self._note(fillings, size_of)

    def _note(self, fillings: Iterable[Filling], size_of: Callable[[int], int]) -> None:
        grown: dict[int, Part] = {}
        for filling in fillings:
            part = filling.part
            if part.filled == size_of(filling.number) or part.filled - filling.noted >= _NOTED:
                grown[filling.number] = part
                filling.noted = part.filled
        self._unsure.update(grown)
        self._notes.add(grown)

    def put(self, number: int, view: memoryview) -> None:
        """Put the bytes of a whole chunk into its place, and note it."""
        with disk_errors(_WHAT):
            self._data.write(number * CHUNK, [view])
            self._unsure.add(number)
            self._notes.add({number: Part(len(view), zlib.crc32(view))})

    def replace(self, number: int, view: memoryview) -> None:
        """Put other bytes in the place of a whole chunk, durably noted."""
        self.put(number, view)
        self.sync()

    def check_space(self) -> None:
        """See that what comes without a length leaves some space to others. Raises `DiskSpace`."""
        if self._data.free < _SPARE:
            raise DiskSpace(
                f"a file of unknown size has filled the disk: {size_text(self._data.size)} came so far",
                next_step="Free some space, then run the same command again.",
            )

    def sync(self) -> None:
        """Make durable what was written, and then what is noted of it."""
        self._make_durable(self._data.sync_data)

    def _make_durable(self, sync: Callable[[], None]) -> None:
        unsure, self._unsure = self._unsure, set()
        try:
            with disk_errors(_WHAT):
                sync()
                self._notes.sync()
        except StorageFailed as error:
            # The system forgets what it could not write, and says so once: nothing since the last time counts.
            self._lost = error
            with disk_errors(_WHAT):
                self._notes.forget(unsure | self._unsure)
            raise

    def leave(self, begun: Mapping[int, Part]) -> None:
        """Note the beginnings of chunks that are there, and make all durable, for whoever goes on."""
        if self._lost:
            return
        with disk_errors(_WHAT):
            self._unsure.update(begun)
            self._notes.add(begun)
        self.sync()

    def agrees(self, number: int, part: Part) -> bool:
        """Tell whether the beginning of a chunk is as it was written."""
        buffer = bytearray(part.filled)
        return self._read(number * CHUNK, memoryview(buffer)) and zlib.crc32(buffer) == part.crc

    def bytes_of(self, number: int, size: int) -> bytes:
        """Return the bytes of a whole chunk, or fewer where the file has no more."""
        buffer = bytearray(size)
        return bytes(buffer) if self._read(number * CHUNK, memoryview(buffer)) else b""

    def hash(self, chunks: Iterable[_Chunk], into: hashlib._Hash) -> int:
        """Add chunks (number, size, CRC or None) to a running hash; return how many agreed with their CRC.

        The first one that does not ends it. Only one may run at a time.
        """
        agreed = 0
        for view, crc in self._read_ahead(chunks):
            if view is None or (crc is not None and zlib.crc32(view) != crc):
                break
            into.update(view)
            agreed += 1
        return agreed

    def _read_ahead(self, chunks: Iterable[_Chunk]) -> Iterator[tuple[memoryview | None, int | None]]:
        """Yield the bytes of chunks, or None, and the CRC: a disk need not wait while what it gave is being hashed."""
        before: Future[memoryview | None] | None = None
        before_crc = None
        for turn, (number, size, crc) in enumerate(chunks):
            coming = self._reader.submit(self._read_chunk, number, self._buffers[turn % 2][:size])
            if before:
                yield before.result(), before_crc
            before, before_crc = coming, crc
        if before:
            yield before.result(), before_crc

    def _read_chunk(self, number: int, view: memoryview) -> memoryview | None:
        return view if self._read(number * CHUNK, view, direct=number in self._direct) else None

    def damaged(self, ledger: Ledger) -> Iterator[int]:
        """Yield the chunks that are not as they were written."""
        for number, crc in sorted(ledger.done.items()):
            if not self.agrees(number, Part(ledger.size(number), crc)):
                yield number

    def _read(self, offset: int, view: memoryview, *, direct: bool = False) -> bool:
        with disk_errors(_WHAT):
            return self._data.read(offset, view, direct=direct)

    def finish(self, total: int) -> None:
        """Make it durable, with exactly `total` bytes."""
        with disk_errors(_WHAT):
            self._data.truncate(total)
        self._make_durable(self._data.sync)

    def close(self) -> None:
        """Close the files."""
        self._reader.shutdown()
        self._notes.close()
        self._data.close()


def begin(ledger: Ledger, number: int) -> Filling:
    """Return where a chunk stands, to go on from there."""
    part = ledger.parts.get(number, NOTHING)
    return Filling(number, part, sent=part.filled, noted=part.filled)


def _runs(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Yield the pieces that follow each other in the file, up to `_RUN` bytes at a time."""
    run: list[Piece] = []
    stop = size = 0
    ahead: dict[Filling, int] = {}  # what is written of each chunk once the runs before are
    for piece in pieces:
        filled = ahead.get(piece.filling, piece.filling.part.filled)
        start = piece.filling.number * CHUNK + filled
        ahead[piece.filling] = filled + piece.size
        if run and (start != stop or size + piece.size > _RUN):
            yield run
            run, size = [], 0
        run.append(piece)
        size += piece.size
        stop = start + piece.size
    if run:
        yield run
