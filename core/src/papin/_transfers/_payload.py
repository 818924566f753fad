"""The bytes of a payload that is being received, and the notes about them, on disk."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from papin._transfers._disk import disk_errors
from papin._transfers._ledger import CHUNK, NOTHING, Ledger, Part
from papin._transfers._notes import SAFE, Entity, Notes
from papin.errors import DiskSpace
from papin.sizes import size_text
from papin.storages import Staging

_SPARE = 256 << 20  # what a body without a length leaves free
_WHAT = "the unfinished download"


@dataclass(eq=False, slots=True)
class Filling:
    """A chunk that is being written: what of it is in the file. Replaced as a whole, so that any thread may read it."""

    number: int
    part: Part


class Piece(NamedTuple):
    """The next bytes of a chunk: the first `size` of `buffer`, which nobody touches until they are written."""

    filling: Filling
    buffer: bytearray
    size: int


class Payload:
    """The open files of a staging area. Every method blocks; different chunks may be worked on at the same time."""

    def __init__(self, staging: Staging) -> None:
        self.entity: Entity | None = None
        # Made once: fresh memory for every chunk costs as much as reading it.
        self._buffer = memoryview(bytearray(CHUNK))
        with disk_errors(_WHAT):
            self._data = _open_data(staging.data)
            try:
                self._notes = Notes(staging.folder)
            except BaseException:
                os.close(self._data)
                raise

    def recover(self) -> Ledger:
        """Return what is there, by the notes; whether it still is as it was written shows when it is read."""
        with disk_errors(_WHAT):
            self.entity, ledger = self._notes.read(os.fstat(self._data).st_size)
        return ledger

    def restart(self, entity: Entity) -> None:
        """Drop all bytes and notes: what comes now is `entity`, from its beginning."""
        with disk_errors(_WHAT):
            # The notes first: bytes without notes are nothing, notes without bytes are a lie until somebody looks.
            self._notes.restart(entity)
            os.ftruncate(self._data, 0)
        self.entity = entity

    def write(self, pieces: Sequence[Piece]) -> None:
        """Write `pieces` to where they belong."""
        with disk_errors(_WHAT):
            for piece in pieces:
                view = memoryview(piece.buffer)[: piece.size]
                filled, crc = piece.filling.part
                self._put(piece.filling.number * CHUNK + filled, view)
                piece.filling.part = Part(filled + piece.size, zlib.crc32(view, crc))

    def replace(self, number: int, view: memoryview) -> None:
        """Put other bytes in the place of a whole chunk, durably noted."""
        with disk_errors(_WHAT):
            self._put(number * CHUNK, view)
        self.sync({number: zlib.crc32(view)}, {})

    def _put(self, offset: int, view: memoryview) -> None:
        while view:
            count = os.pwrite(self._data, view, offset)
            offset += count
            view = view[count:]

    def check_space(self) -> None:
        """See that what comes without a length leaves some space to others. Raises `DiskSpace`."""
        disk = os.fstatvfs(self._data)
        if disk.f_bavail * disk.f_frsize < _SPARE:
            raise DiskSpace(
                f"a file of unknown size has filled the disk: {size_text(os.fstat(self._data).st_size)} came so far",
                next_step="Free some space, then run the same command again.",
            )

    def sync(self, done: Mapping[int, int], begun: Mapping[int, Part]) -> None:
        """Make what was written durable, and note it: chunks, and beginnings of chunks, with their CRCs."""
        with disk_errors(_WHAT):
            os.fdatasync(self._data)
            self._notes.add(done, begun)

    def agrees(self, number: int, part: Part) -> bool:
        """Tell whether the beginning of a chunk is as it was written."""
        buffer = bytearray(part.filled)
        return self._read(number * CHUNK, memoryview(buffer)) and zlib.crc32(buffer) == part.crc

    def hash(self, chunks: Iterable[tuple[int, int, int | None]], into: hashlib._Hash) -> int:
        """Add chunks (number, size, CRC or None) to a running hash; return how many agreed with their CRC.

        The first one that does not ends it. Only one may run at a time.
        """
        agreed = 0
        for number, size, crc in chunks:
            view = self._buffer[:size]
            if not self._read(number * CHUNK, view) or (crc is not None and zlib.crc32(view) != crc):
                break
            into.update(view)
            agreed += 1
        return agreed

    def damaged(self, ledger: Ledger) -> Iterator[int]:
        """Yield the chunks that are not as they were written."""
        for number, crc in sorted(ledger.done.items()):
            if not self.agrees(number, Part(ledger.size(number), crc)):
                yield number

    def _read(self, offset: int, view: memoryview) -> bool:
        with disk_errors(_WHAT):
            while view:
                count = os.preadv(self._data, [view], offset)
                if not count:
                    return False
                offset += count
                view = view[count:]
        return True

    def finish(self, total: int) -> None:
        """Make it durable, with exactly `total` bytes."""
        with disk_errors(_WHAT):
            os.ftruncate(self._data, total)
            os.fsync(self._data)

    def close(self) -> None:
        """Close the files."""
        self._notes.close()
        os.close(self._data)


def begin(ledger: Ledger, number: int) -> Filling:
    """Return where a chunk stands, to go on from there."""
    return Filling(number, ledger.parts.get(number, NOTHING))


def _open_data(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | SAFE, 0o600)
    if os.fstat(handle).st_nlink == 1:
        return handle
    # A hard link to somebody's own file, from a source that turned out wrong: never write through it.
    os.close(handle)
    path.unlink()
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | SAFE, 0o600)
