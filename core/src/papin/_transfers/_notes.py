"""The notes about a payload that is being received, from which it is resumed: a head, and a record for each chunk.

The head says which entity the bytes belong to. A record has its place by the number of its chunk, and says how many of
its first bytes are there, with their CRC-32. It is written as soon as they are, so that a process that is killed loses
next to nothing, and always over the one before: on a full disk too, once the places of all are made. Every record has a
mark, which nothing else has than what was written whole, at this place, since the last time that all began anew.

Bytes, then records, are made durable now and then; a power cut between may leave a record whose bytes are lost, and the
CRC tells, because whoever resumes reads everything that is noted. The digest judges the whole. Notes in any other
format are as good as none: that download begins anew.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from papin._transfers._data import SAFE, write_all
from papin._transfers._disk import disk_errors
from papin._transfers._ledger import CHUNK, NOTHING, Ledger, Part
from papin.names import place

_HEAD = 4096  # bytes, of which the first are the mark of the others
_MARK = 8
_RECORD = struct.Struct(f"<II{_MARK}s")  # filled, CRC, mark; never across two sectors of a disk
_MOST = (64 << 20) // _RECORD.size  # far more than the chunks of any file


class Entity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a server said of the file: the length of the whole, and a strong validator. None: it said nothing."""

    total: int | None = None
    etag: str | None = None


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    """What the records belong to, and the key of their marks."""

    entity: Entity
    key: bytes
    chunk: int


_head = msgspec.json.Decoder(_Head)


class Notes:
    """The open notes of a staging area. Every method blocks."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(_path(folder), os.O_RDWR | os.O_CREAT | SAFE, 0o600)
        self._key = b""

    def read(self, size: int) -> tuple[Entity | None, Ledger]:
        """Return what is noted of a file that has `size` bytes: what is behind its end was lost."""
        head = _read_head(os.pread(self._file, _HEAD, 0))
        if head is None or head.chunk != CHUNK:
            return None, Ledger()
        self._key = head.key
        ledger = Ledger(head.entity.total)
        records = os.pread(self._file, min(_MOST, -(-size // CHUNK)) * _RECORD.size, _HEAD)
        whole = len(records) // _RECORD.size * _RECORD.size
        for number, (filled, crc, mark) in enumerate(_RECORD.iter_unpack(memoryview(records)[:whole])):
            part = Part(filled, crc)
            there = min(size - number * CHUNK, ledger.size(number))
            if 0 < filled <= there and mark == self._mark(number, part):
                ledger.put_back(number, part)
        return head.entity, ledger

    def restart(self, entity: Entity) -> None:
        """Forget everything; what comes now is `entity`."""
        # Another key, and no record fits any more: nothing has to be removed, and so nothing to be made again.
        self._key = os.urandom(16)
        told = msgspec.json.encode(_Head(entity=entity, key=self._key, chunk=CHUNK)).ljust(_HEAD - _MARK)
        self._write(0, _digest(told) + told)
        self.sync()

    def make_room(self, total: int) -> None:
        """Make the places for the records of a payload of `total` bytes."""
        there = os.fstat(self._file).st_size
        missing = _place(-(-total // CHUNK)) - there
        if missing > 0:
            self._write(there, bytes(missing))

    def add(self, parts: Mapping[int, Part]) -> None:
        """Note what is written of chunks: beginnings, or all of them."""
        for number, part in parts.items():
            self._write(_place(number), _RECORD.pack(*part, self._mark(number, part)))

    def forget(self, numbers: Iterable[int]) -> None:
        """Note that the disk failed to keep chunks, whatever was noted of them before."""
        self.add(dict.fromkeys(numbers, NOTHING))
        self.sync()

    def _mark(self, number: int, part: Part) -> bytes:
        return _digest(struct.pack("<QII", number, *part), self._key)

    def _write(self, offset: int, data: bytes) -> None:
        write_all(self._file, offset, [memoryview(data)])

    def sync(self) -> None:
        """Make what was added durable."""
        os.fdatasync(self._file)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def _place(number: int) -> int:
    return _HEAD + number * _RECORD.size


def _digest(data: bytes, key: bytes = b"") -> bytes:
    return hashlib.blake2b(data, digest_size=_MARK, key=key).digest()


def _read_head(block: bytes) -> _Head | None:
    mark, told = block[:_MARK], block[_MARK:]
    try:
        return _head.decode(told) if mark == _digest(told) else None
    except msgspec.DecodeError:
        return None  # of another papin


def _path(folder: Path) -> Path:
    return place(folder, "notes")


def forget_notes(folder: Path) -> None:
    """Remove the notes about what was received, before the bytes are replaced by others. Blocks."""
    with disk_errors("the notes of an unfinished download"):
        _path(folder).unlink(missing_ok=True)
