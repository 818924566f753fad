"""The file: opening, reading, changing, and making it anew."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from papin._index._schema import FILE_NAME, STATEMENTS, VERSION
from papin._paths import make_folder
from papin.errors import DiskSpace, RegistryFailed

__all__ = ["Index"]

T = TypeVar("T")

_BUSY_SECONDS = 10.0
# A page of entries lands all over the tree of each index: if all that it touches is kept so long, it is written once.
_CACHED_KIB = 65_536
_READ_KIB = 16_384  # a search looks into some hundred pages here and there
_LOGGED = 4000  # pages of the log before what changed most often is written to its place, once for many transactions
_PAGE = 8192  # twice the usual: a build writes into nine trees, and splits and logs fewer pages; searches take as long
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class Index:
    """The index in a folder. Its methods block, and may be called from any thread.

    Raises (all methods):
        RegistryFailed: the file is locked, forbidden or, for reading, damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE_NAME
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._writer: tuple[sqlite3.Connection, tuple[int, int] | None] | None = None
        self._inode: tuple[int, int] | None = None
        self._closed = False

    @property
    def exists(self) -> bool:
        """Tell whether anything was ever recorded."""
        return self._file.exists()

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return `work(connection)`, which sees one state; where nothing was ever recorded, it sees nothing."""
        with _told(self._file), self._reading() as connection:
            return work(connection)

    def change(self, work: Callable[[sqlite3.Connection], T], *, more: bool = False) -> T:
        """Run `work(connection)` as one transaction; a damaged file is thrown away and made anew, once.

        With `more`, another change follows soon: the connection, which knows what it just wrote, is kept for it.
        """
        make_folder(self._file.parent)
        with _told(self._file):
            try:
                return self._changed(work, more)
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                self._throw_away()
                return self._changed(work, more)

    def close(self) -> None:
        """Close what is open."""
        with self._lock:
            self._closed = True
            self._close_idle()
            self._close_writer()

    def _changed(self, work: Callable[[sqlite3.Connection], T], more: bool) -> T:  # noqa: FBT001  its own
        if not self._file.exists():
            _create(self._file)
        connection, opened_at = self._take_writer()
        kept = False
        try:
            _prepare(connection)
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            with self._lock:
                kept = more and self._writer is None and not self._closed
                if kept:
                    self._writer = connection, opened_at
            return result
        finally:
            if not kept:
                connection.close()

    def _take_writer(self) -> tuple[sqlite3.Connection, tuple[int, int] | None]:
        now = _inode(self._file)
        with self._lock:
            if self._writer is not None and self._writer[1] == now:
                kept, self._writer = self._writer, None
                return kept
            self._close_writer()  # another process threw its file away
        return _connect(self._file, "rwc"), now

    def _close_writer(self) -> None:
        if self._writer is not None:
            self._writer[0].close()
            self._writer = None

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        connection, opened_at = self._take()
        sound = False
        try:
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")
            sound = True
        finally:
            with self._lock:
                if sound and opened_at is not None and opened_at == self._inode and not self._closed:
                    self._idle.append(connection)
                else:
                    connection.close()

    def _take(self) -> tuple[sqlite3.Connection, tuple[int, int] | None]:
        now = _inode(self._file)
        with self._lock:
            if now != self._inode:  # another process threw it away
                self._close_idle()
                self._inode = now
            if self._idle:
                return self._idle.pop(), now
        if now is None:
            return _empty(), None
        connection = _connect(self._file, "ro")
        connection.execute(f"PRAGMA cache_size = -{_READ_KIB}")
        if _version(connection) == VERSION:
            return connection, now
        connection.close()  # another process is just making it
        return _empty(), None

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _throw_away(self) -> None:
        with self._lock:
            self._close_idle()
            self._close_writer()
        for side in ("", "-wal", "-shm"):
            self._file.with_name(self._file.name + side).unlink(missing_ok=True)


def _inode(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _connect(file: Path, mode: str) -> sqlite3.Connection:
    address = f"{file.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _create(file: Path) -> None:
    """Make the file whole under another name, and give it its own unless somebody was faster.

    Of two that turn one empty file into one with a write-ahead log at the same time, SQLite refuses one at once.
    """
    made = file.with_name(f"{file.name}.{os.getpid()}-{threading.get_ident()}.new")
    made.unlink(missing_ok=True)
    try:
        with closing(_connect(made, "rwc")) as connection:
            _prepare(connection)
        with suppress(OSError):  # it is there already, or this file system has no links: then it is made in place
            os.link(made, file)
    finally:
        made.unlink(missing_ok=True)
    for old in file.parent.glob("catalogs.*.db*"):
        number = old.name.split(".")[1]
        if number.isdigit() and int(number) < VERSION:
            old.unlink(missing_ok=True)


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the tables, unless they are there."""
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA cache_size = -{_CACHED_KIB}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_LOGGED}")
    if _version(connection) == VERSION:
        return
    connection.execute(f"PRAGMA page_size = {_PAGE}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    if _version(connection) != VERSION:
        _make(connection)
    connection.execute("COMMIT")


def _make(connection: sqlite3.Connection) -> None:
    for statement in STATEMENTS:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _empty() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    _make(connection)
    return connection


def _code(error: sqlite3.Error) -> int | None:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _is_damage(error: sqlite3.Error) -> bool:
    return _code(error) in _DAMAGE


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """Turn SQLite's errors into papin's; a wrong use of SQLite is a bug and propagates as it is."""
    try:
        yield
    except sqlite3.Error as error:
        if _code(error) == sqlite3.SQLITE_FULL:
            raise DiskSpace(
                f"The index of the catalogs {file} cannot grow: no space is left",
                next_step="Free some space on that disk and try again.",
            ) from error
        if _code(error) is None:
            raise
        raise RegistryFailed(
            f"The index of the catalogs {file} cannot be used: {error}",
            next_step="Look whether the disk is full; where it is damaged, papin catalogs refresh makes it anew.",
        ) from error
