"""A note beside the database of what must be in it: SQLite alone takes many a wrong file for a sound one.

Before each commit the number of the latest event and the identity of the registry are noted. A database that knows
fewer events has lost transactions (its write-ahead log vanished, or an old copy was put in its place); one of another
identity is another registry. The numbers of a fresh registry go on from the note, so that whoever follows the journal
by number never sees one twice.

When a process closes the registry it seals it: the checksum of all pages is noted, until the next change. So a byte
that flips while nobody is at it is noticed, wherever it is.

One line, filled up with blanks: the number in 20 digits, the identity, the seal (or `-`), and a checksum of these.
Anything else reads as no note, and then nothing is concluded from it.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from pathlib import Path
from typing import NamedTuple

from papin._registry._files import open_beside

__all__ = ["Mark", "Note", "seal_of"]

_LONGEST = 128
_WORDS = 4
_UNSEALED = "-"


class Note(NamedTuple):
    """What is noted; an empty `seal` means that somebody may be changing something."""

    seq: int
    identity: str
    seal: str = ""


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
        if len(words) != _WORDS or words[3] != _sum(words[:3]):
            return None
        seal = words[2].decode()
        return Note(seq=int(words[0]), identity=words[1].decode(), seal="" if seal == _UNSEALED else seal)

    def write(self, note: Note) -> None:
        """Note it, in one write.

        After a power cut an older note may be back. That is harmless, except when it is a seal that was broken since:
        so breaking one is made to last.
        """
        before = self.read()
        words = [f"{note.seq:020d}".encode(), note.identity.encode(), (note.seal or _UNSEALED).encode()]
        line = b" ".join([*words, _sum(words)])
        # Always as long as the longest: nothing of what was there before stands behind it.
        os.pwrite(self._fd, line.ljust(_LONGEST), 0)
        if before is not None and before.seal and not note.seal:
            os.fsync(self._fd)


def seal_of(connection: sqlite3.Connection) -> str:
    """Return the checksum of all pages, through the log; empty where SQLite was built without `serialize`."""
    if not hasattr(connection, "serialize"):
        return ""
    return f"{zlib.crc32(connection.serialize()):08x}"


def _sum(words: list[bytes]) -> bytes:
    return f"{zlib.crc32(b' '.join(words)):08x}".encode()
