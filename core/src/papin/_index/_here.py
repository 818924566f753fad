"""What searching needs to know of this machine, kept so that a search need not find it out."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import msgspec

from papin._index._conditions import Here
from papin.memory import Room

__all__ = ["load_here", "save_here"]


class _Stored(msgspec.Struct, frozen=True):
    gpu: int
    main: int
    providers: dict[str, tuple[str, ...]]
    catalogs: tuple[str, ...] | None = None


def load_here(connection: sqlite3.Connection) -> Here | None:
    """Return what was found last, or None."""
    row = connection.execute("SELECT value FROM here WHERE name = 'machine'").fetchone()
    if row is None:
        return None
    stored = msgspec.json.decode(row[0], type=_Stored)
    room = Room(gpu=stored.gpu, main=stored.main)
    return Here(room=room, providers=stored.providers, catalogs=stored.catalogs)


def save_here(
    connection: sqlite3.Connection, room: Room, providers: Mapping[str, tuple[str, ...]], catalogs: tuple[str, ...]
) -> None:
    """Keep what was found."""
    stored = msgspec.json.encode(_Stored(room.gpu, room.main, dict(providers), catalogs))
    connection.execute("INSERT OR REPLACE INTO here VALUES ('machine', ?)", (stored,))
