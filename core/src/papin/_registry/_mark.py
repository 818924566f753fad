"""A note beside the database of the latest event number, and of which registry gave it.

It is written just before each commit. A database that knows fewer events than were noted has lost transactions (its
write-ahead log vanished, or an old copy was put in its place), and one of another identity is another registry: both
are sound to SQLite and can be told only from outside. The numbers of a fresh registry go on from the note, so that
whoever follows the journal by number never sees one twice.

One line: the number in 20 digits, the identity, and a checksum of both. Anything else reads as no note.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import NamedTuple

from papin._registry._files import open_beside

__all__ = ["Mark", "Note"]

_LONGEST = 128


class Note(NamedTuple):
    """What is noted."""

    seq: int
    identity: str


class Mark:
    """The note of one database."""

    def __init__(self, file: Path) -> None:
        """Open, and make if need be, the note beside `file`.

        Raises:
            RegistryFailed: its folder cannot be written.
        """
        self._fd = open_beside(file, "-mark")

    def close(self) -> None:
        """Close its file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def read(self) -> Note | None:
        """Return what is noted, or None."""
        words = os.pread(self._fd, _LONGEST, 0).split()
        if len(words) != 3 or words[2] != _sum(words[0], words[1]):  # noqa: PLR2004  number, identity, checksum
            return None
        return Note(seq=int(words[0]), identity=words[1].decode())

    def write(self, note: Note) -> None:
        """Note it, in one write; after a power cut an older note may be back, which is harmless."""
        words = f"{note.seq:020d}".encode(), note.identity.encode()
        os.pwrite(self._fd, b"%b %b %b\n" % (*words, _sum(*words)), 0)


def _sum(seq: bytes, identity: bytes) -> bytes:
    return f"{zlib.crc32(seq + identity):08x}".encode()
