"""Connections to the database, opened with the settings that papin relies on, and a pool of reading ones.

The database file itself is never opened by anything but SQLite: closing any descriptor of it would drop the locks that
SQLite holds for the whole process.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from papin._registry._failures import BUSY_SECONDS, newer, told, understood
from papin._registry._reserve import ease
from papin._registry._schema import MIGRATIONS
from papin.errors import RegistryFailed

__all__ = ["ReadPool", "check_version", "connect", "inode", "to_read", "to_write"]


def connect(file: Path, mode: str) -> sqlite3.Connection:
    """Open `file` with SQLite's `mode` (`ro`, `rw`, `rwc`); transactions are begun by hand."""
    address = f"{file.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)


def to_write(file: Path) -> sqlite3.Connection:
    """Open `file` for changes that survive a power cut once they are committed."""
    connection = connect(file, "rw")
    try:
        for pragma in ("synchronous = FULL", "fullfsync = ON", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def to_read(file: Path) -> sqlite3.Connection:
    """Open `file` for reading only."""
    return connect(file, "ro")


def inode(file: Path) -> tuple[int, int] | None:
    """Return what tells this file from another one of its name, or None when it is missing."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def check_version(connection: sqlite3.Connection, file: Path, known: int) -> None:
    """Refuse a schema that is not ours: another process may have migrated it since we opened it."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > known:
        raise newer(file, version, known)
    if version < known:
        raise RegistryFailed(
            f"The registry {file} has the old schema {version}; this papin uses {known}",
            next_step="Run papin models list: it brings the registry up to date, after a backup.",
        )


class ReadPool:
    """Reading connections for any number of threads; each is used by one at a time.

    A file that was replaced meanwhile (a damaged one set aside) is noticed by its inode. A file that is missing reads
    as an empty registry: nothing was recorded yet.
    """

    def __init__(self, file: Path, known: int = len(MIGRATIONS)) -> None:
        self._file = file
        self._known = known
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._inode: tuple[int, int] | None = None
        self._closed = False

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Hand out a connection inside a reading transaction, so that several queries see one state."""
        with told(self._file), understood(self._file):
            connection, opened_at = self._take()
            sound = False
            try:
                connection.execute("BEGIN")
                check_version(connection, self._file, self._known)
                yield connection
                connection.execute("COMMIT")
                sound = True
            finally:
                self._give_back(connection, opened_at, sound=sound)

    def _take(self) -> tuple[sqlite3.Connection, tuple[int, int] | None]:
        now = inode(self._file)
        with self._lock:
            if now != self._inode:
                self._close_idle()
                self._inode = now
            if self._idle:
                return self._idle.pop(), now
        ease(self._file)
        return (_empty() if now is None else to_read(self._file)), now

    def _give_back(self, connection: sqlite3.Connection, opened_at: tuple[int, int] | None, *, sound: bool) -> None:
        with self._lock:
            if sound and opened_at == self._inode and not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def close(self) -> None:
        """Close every connection that is not in use."""
        with self._lock:
            self._closed = True
            self._close_idle()


def _empty() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    for statement in (each for migration in MIGRATIONS for each in migration):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    return connection
