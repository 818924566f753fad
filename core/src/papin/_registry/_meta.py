"""What the registry knows of itself: which one it is, and whether it waits to be rebuilt."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

__all__ = ["identity", "needs_rebuild", "rebuilt", "set_identity", "set_needs_rebuild"]

_IDENTITY = "identity"
_REBUILD = "rebuild"


def _get(connection: sqlite3.Connection, name: str) -> str | None:
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def _set(connection: sqlite3.Connection, name: str, value: str) -> None:
    connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))


def identity(connection: sqlite3.Connection) -> str:
    """Return the random name that this registry got when it was made."""
    return _get(connection, _IDENTITY) or ""


def set_identity(connection: sqlite3.Connection) -> str:
    """Give a new registry its name, and return it."""
    name = os.urandom(8).hex()
    _set(connection, _IDENTITY, name)
    return name


def set_needs_rebuild(connection: sqlite3.Connection, kept: Path | None) -> None:
    """Note that models may be missing here that the storages hold; `kept` is where a damaged file was put."""
    _set(connection, _REBUILD, str(kept or ""))


def needs_rebuild(connection: sqlite3.Connection) -> tuple[bool, Path | None]:
    """Return whether models may be missing, and where a damaged file was put."""
    kept = _get(connection, _REBUILD)
    return kept is not None, Path(kept) if kept else None


def rebuilt(connection: sqlite3.Connection) -> None:
    """Note that everything the storages hold is recorded now."""
    connection.execute("DELETE FROM meta WHERE name = ?", (_REBUILD,))
