"""What files on servers said of themselves, so that nobody asks them twice."""

from __future__ import annotations

import sqlite3
import zlib

import msgspec

from papin.models import Header

__all__ = ["header_of", "keep_header"]


def header_of(connection: sqlite3.Connection, file: str) -> Header | None:
    """Return what was kept of a file: by its digest, or its address and validator."""
    row = connection.execute("SELECT header FROM headers WHERE file = ?", (file,)).fetchone()
    return None if row is None else msgspec.msgpack.decode(zlib.decompress(row[0]), type=Header)


def keep_header(connection: sqlite3.Connection, file: str, header: Header) -> None:
    """Keep what a file said."""
    packed = zlib.compress(msgspec.msgpack.encode(header), 1)
    connection.execute("INSERT OR REPLACE INTO headers VALUES (?, ?)", (file, packed))
