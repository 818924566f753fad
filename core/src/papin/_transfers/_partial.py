"""A payload that is being received: its bytes, their running hash, and the notes from which it is resumed.

The notes are lines of JSON, appended only: first the entity that the bytes belong to, then one checkpoint for every
16 MiB, with the hash of everything before it. A checkpoint is appended after the bytes that it tells of are on disk,
so what it says is true whatever happens after. A last line that was cut off is as good as not there.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from papin._transfers._disk import disk_errors
from papin.names import place
from papin.storages import Staging

CHECKPOINT = 16 << 20
_BUFFER = 1 << 20
_NOTES = 4 << 20  # far more than the notes of any file


class Entity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="entity"):
    """What a server said of the file: the length of the whole, and a strong validator. None: it said nothing."""

    total: int | None = None
    etag: str | None = None


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, tag="checkpoint"):
    """The first `offset` bytes are on disk, and this is their SHA-256."""

    offset: int
    sha256: str


_note = msgspec.json.Decoder(Entity | Checkpoint)


class Partial:
    """The open files of a staging area. Every method blocks; only one may run at a time."""

    def __init__(self, staging: Staging) -> None:
        self._what = "the unfinished download"
        self.entity: Entity | None = None
        self.offset = 0
        self._hash = hashlib.sha256()
        self._noted = 0
        with disk_errors(self._what):
            self._data = _open_data(staging.data)
            self._notes = os.open(_notes(staging.folder), os.O_RDWR | os.O_CREAT | os.O_APPEND | _SAFE, 0o600)

    def recover(self, report: Callable[[int], None]) -> None:
        """Go on from the last checkpoint that the bytes on disk agree with; drop what is behind it.

        `report` is told the bytes checked so far, and may raise to stop.
        """
        with disk_errors(self._what):
            self.entity, checkpoints = self._read_notes()
            size = os.fstat(self._data).st_size
            running = hashlib.sha256()
            for each in checkpoints:
                if each.offset > size or not self._agrees(each, running, report):
                    break
                self.offset, self._hash = each.offset, running.copy()
            self._noted = self.offset
            os.ftruncate(self._data, self.offset)

    def _agrees(self, checkpoint: Checkpoint, running: hashlib._Hash, report: Callable[[int], None]) -> bool:
        position = self.offset
        while position < checkpoint.offset:
            piece = os.pread(self._data, min(_BUFFER, checkpoint.offset - position), position)
            if not piece:
                return False
            running.update(piece)
            position += len(piece)
            report(position)
        return running.hexdigest() == checkpoint.sha256

    def _read_notes(self) -> tuple[Entity | None, list[Checkpoint]]:
        entity: Entity | None = None
        checkpoints: list[Checkpoint] = []
        for note in _decoded(os.pread(self._notes, _NOTES, 0)):
            if isinstance(note, Entity):
                entity, checkpoints = note, []
            elif note.offset > (checkpoints[-1].offset if checkpoints else 0):
                checkpoints.append(note)
        return entity, checkpoints if entity else []

    def restart(self, entity: Entity) -> None:
        """Drop all bytes and notes: what comes now is `entity`, from its beginning."""
        with disk_errors(self._what):
            os.ftruncate(self._notes, 0)
            os.ftruncate(self._data, 0)
            self.entity, self.offset, self._noted, self._hash = entity, 0, 0, hashlib.sha256()
            self._append(entity)

    def write(self, pieces: Sequence[bytes]) -> None:
        """Append `pieces`, and note a checkpoint when the last one is far enough behind."""
        with disk_errors(self._what):
            for piece in pieces:
                view = memoryview(piece)
                while view:
                    count = os.pwrite(self._data, view, self.offset)
                    self._hash.update(view[:count])
                    self.offset += count
                    view = view[count:]
        if self.offset - self._noted >= CHECKPOINT:
            self.checkpoint()

    def checkpoint(self) -> None:
        """Make what is there the point from which a resume goes on, whatever happens now."""
        if self.offset == self._noted:
            return
        with disk_errors(self._what):
            os.fdatasync(self._data)
            self._append(Checkpoint(offset=self.offset, sha256=self._hash.hexdigest()))
        self._noted = self.offset

    def _append(self, note: Entity | Checkpoint) -> None:
        os.write(self._notes, msgspec.json.encode(note) + b"\n")
        os.fdatasync(self._notes)

    def finish(self) -> str:
        """Make it durable; return the SHA-256 of the whole."""
        with disk_errors(self._what):
            os.ftruncate(self._data, self.offset)
            os.fsync(self._data)
        return self._hash.hexdigest()

    def close(self) -> None:
        """Close the files."""
        os.close(self._data)
        os.close(self._notes)


_SAFE = os.O_CLOEXEC | os.O_NOFOLLOW


def _notes(folder: Path) -> Path:
    return place(folder, "notes")


def forget_notes(folder: Path) -> None:
    """Remove the notes about what was received, before the bytes are replaced by others. Blocks."""
    with disk_errors("the notes of an unfinished download"):
        _notes(folder).unlink(missing_ok=True)


def _open_data(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | _SAFE, 0o600)
    if os.fstat(handle).st_nlink == 1:
        return handle
    # A hard link to somebody's own file, from a source that turned out wrong: never write through it.
    os.close(handle)
    path.unlink()
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _SAFE, 0o600)


def _decoded(data: bytes) -> Iterator[Entity | Checkpoint]:
    for line in data.split(b"\n")[:-1]:
        try:
            yield _note.decode(line)
        except msgspec.DecodeError:
            return
