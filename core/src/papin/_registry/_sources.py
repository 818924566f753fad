"""Where payloads came from, so that they can be had again when no catalog tells any more."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from papin.models import DownloadSource

__all__ = ["load_sources", "save_sources"]

_sources = msgspec.json.Decoder(tuple[DownloadSource, ...])


def load_sources(connection: sqlite3.Connection, storage: str, sha256: str) -> tuple[DownloadSource, ...]:
    """Return where a payload may have come from, the likeliest first."""
    query = "SELECT s.sources FROM sources s JOIN files f ON f.key = s.file WHERE f.sha256 = ? AND f.storage = ?"
    row = connection.execute(query, (sha256, storage)).fetchone()
    return () if row is None else _sources.decode(row[0])


def save_sources(connection: sqlite3.Connection, storage: str, sha256: str, sources: Sequence[DownloadSource]) -> None:
    """Record where a payload may have come from, in place of what was known of that."""
    kept = msgspec.json.encode([*_as_text(sources)])
    query = "INSERT OR REPLACE INTO sources SELECT key, ? FROM files WHERE sha256 = ? AND storage = ?"
    connection.execute(query, (kept, sha256, storage))


def _as_text(sources: Iterable[DownloadSource]) -> Iterable[DownloadSource]:
    for source in sources:
        try:
            msgspec.json.encode(source)
        except UnicodeEncodeError:
            continue  # a path whose bytes are no text
        yield source
