"""The notes about a payload that is being received, from which it is resumed: lines of JSON, appended only.

First the entity that the bytes belong to, then a line for each chunk that is there, with its CRC-32, and now and then
one for the beginning of a chunk. A line is appended as soon as the bytes that it tells of are written, so that a
process that is killed loses next to nothing. Bytes, then lines, are made durable now and then; a power cut between may
leave a line whose bytes are lost, and the CRC tells, because whoever resumes reads everything that is noted. A last
line that was cut off is as good as not there. The digest judges the whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from papin._transfers._disk import disk_errors
from papin._transfers._ledger import CHUNK, Ledger, Part
from papin.names import place

T = TypeVar("T")

SAFE = os.O_CLOEXEC | os.O_NOFOLLOW
_MOST = 64 << 20  # far more than the notes of any file
_PIECE = 1 << 20


class Entity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="entity"):
    """What a server said of the file: the length of the whole, and a strong validator. None: it said nothing."""

    total: int | None = None
    etag: str | None = None
    chunk: int = CHUNK


class Done(msgspec.Struct, frozen=True, array_like=True, tag="d"):
    """A chunk is there."""

    number: int
    crc: int


class Begun(msgspec.Struct, frozen=True, array_like=True, tag="b"):
    """The first bytes of a chunk are there."""

    number: int
    crc: int
    filled: int


class Lost(msgspec.Struct, frozen=True, array_like=True, tag="x"):
    """The disk failed to keep a chunk, whatever was noted of it before."""

    number: int


_chunk = msgspec.json.Decoder(Done | Begun | Lost)
_entity = msgspec.json.Decoder(Entity)


class Notes:
    """The open notes of a staging area. Every method blocks."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(_path(folder), os.O_RDWR | os.O_CREAT | os.O_APPEND | SAFE, 0o600)

    def read(self, size: int) -> tuple[Entity | None, Ledger]:
        """Return what is noted of a file that has `size` bytes: what is behind its end was lost."""
        lines = self._lines()
        entity = _decode(_entity, next(lines, b""))
        if entity is None or entity.chunk != CHUNK:
            return None, Ledger()
        ledger = Ledger(entity.total)
        for line in lines:
            note = _decode(_chunk, line)
            if note is not None:
                _apply(note, ledger, size)
        return entity, ledger

    def _lines(self) -> Iterator[bytes]:
        rest = b""
        for offset in range(0, _MOST, _PIECE):
            piece = os.pread(self._file, _PIECE, offset)
            *lines, rest = (rest + piece).split(b"\n")
            yield from lines
            if len(piece) < _PIECE:
                if rest:
                    # Cut off by a crash: what is appended next must not become a part of it.
                    os.ftruncate(self._file, offset + len(piece) - len(rest))
                return

    def restart(self, entity: Entity) -> None:
        """Forget everything; what comes now is `entity`."""
        os.ftruncate(self._file, 0)
        self._append([entity])
        self.sync()

    def add(self, done: Mapping[int, int], begun: Mapping[int, Part]) -> None:
        """Note chunks that are written, and beginnings of chunks."""
        self._append([Done(number, crc) for number, crc in done.items()])
        self._append([Begun(number, part.crc, part.filled) for number, part in begun.items()])

    def forget(self, numbers: Iterable[int]) -> None:
        """Note that chunks are not there."""
        self._append([Lost(number) for number in sorted(numbers)])
        self.sync()

    def _append(self, notes: Sequence[msgspec.Struct]) -> None:
        if notes:
            os.write(self._file, b"".join(msgspec.json.encode(note) + b"\n" for note in notes))

    def sync(self) -> None:
        """Make what was added durable."""
        os.fdatasync(self._file)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def _apply(note: Done | Begun | Lost, ledger: Ledger, size: int) -> None:
    number = note.number
    if number < 0 or (ledger.count is not None and number >= ledger.count):
        return
    there = size - number * CHUNK
    if isinstance(note, Lost):
        ledger.reject(number)
    elif isinstance(note, Done):
        if ledger.size(number) <= there:
            ledger.complete(number, note.crc)
    elif number not in ledger.done and 0 < note.filled <= min(there, ledger.size(number)):
        ledger.put_back(number, Part(note.filled, note.crc))


def _decode(decoder: msgspec.json.Decoder[T], line: bytes) -> T | None:
    try:
        return decoder.decode(line)
    except msgspec.DecodeError:
        return None


def _path(folder: Path) -> Path:
    return place(folder, "notes")


def forget_notes(folder: Path) -> None:
    """Remove the notes about what was received, before the bytes are replaced by others. Blocks."""
    with disk_errors("the notes of an unfinished download"):
        _path(folder).unlink(missing_ok=True)
