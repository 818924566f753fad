"""The registry as the kernel holds it: one writer, any number of readers, and the wake-up after each change."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from papin._paths import make_folder
from papin._registry import _journal, _meta
from papin._registry._connections import ReadPool, check_version, inode, to_write
from papin._registry._failures import is_damage, told
from papin._registry._guard import Guard
from papin._registry._health import give_up, prepare
from papin._registry._mark import Mark, Note, seal_of
from papin._registry._read import Read
from papin._registry._reserve import ease, keep
from papin._registry._schema import MIGRATIONS, Migration
from papin._registry._times import now
from papin._registry._wakeup import wake
from papin._registry._write import Write
from papin.events import Envelope

__all__ = ["Registry", "open_registry"]

T = TypeVar("T")


class Registry:
    """An open registry. Its methods block, and may be called from any thread."""

    def __init__(self, file: Path, run: Path, migrations: Sequence[Migration], keep: int) -> None:
        self._file = file
        self._run = run
        self._migrations = migrations
        self._keep = keep
        self._lock = threading.RLock()
        self._changing = False
        self._guard = Guard(file)
        self._mark = Mark(file)
        self._pool = ReadPool(file, len(migrations))
        self._connection: sqlite3.Connection | None = None
        self._inode: tuple[int, int] | None = None
        self._identity = ""
        self.read = Read(self._pool.snapshot)
        """The reading half."""
        self.needs_rebuild = False
        """Models may be missing that the storages hold: it is new, was damaged, or lost its latest changes.

        It stays so, in every process that opens it, until `Write.adopt` was called.
        """
        self.damaged: Path | None = None
        """Where a damaged file was put, while `needs_rebuild`."""
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def change(self, fn: Callable[[Write], T], *, durable: bool = True) -> tuple[T, list[Envelope]]:
        """Run `fn` in one transaction; return what it returned and the events that it journalled.

        When this returns the change survives a power cut, unless `durable` is False (for progress, whose loss does no
        harm). When `fn` raises nothing was changed. Followers are woken after the commit. `fn` must be quick, do
        nothing but use its `Write`, and not call `change`.

        Raises:
            RegistryFailed: the database is locked by somebody for seconds, damaged, forbidden, or has become newer.
            DiskSpace: it cannot grow.
        """
        ease(self._file)
        with self._alone(), told(self._file), self._writer() as connection:
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                check_version(connection, self._file, len(self._migrations))
                write = Write(connection, now(), keep=self._keep)
                result = fn(write)
                self._mark.write(Note(seq=write.last_seq(), identity=self._identity))
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        wake(self._run)
        return result, write.envelopes

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._lock:
            if self._changing:
                raise RuntimeError("change() was called inside change()")
            self._changing = True
            try:
                yield
            finally:
                self._changing = False

    def close(self) -> None:
        """Close it; closing it again does nothing. Nothing is left to be written but the seal."""
        with self._lock:
            self._pool.close()
            if self._connection is not None:
                self._seal(self._connection)
                self._connection.close()
                self._connection = None
            self._mark.close()
            self._guard.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _open(self) -> None:
        ease(self._file)
        with told(self._file):
            prepare(self._file, self._guard, self._mark, self._migrations)
            try:
                connection, self._inode = self._connect()
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise
                give_up(self._file, self._guard, self._mark, self._migrations)
                connection, self._inode = self._connect()
            self._connection = connection
            self._identity = _meta.identity(connection)
            self.needs_rebuild, self.damaged = _meta.needs_rebuild(connection)
        keep(self._file)

    def _connect(self) -> tuple[sqlite3.Connection, tuple[int, int] | None]:
        before = inode(self._file)
        return to_write(self._file), before

    @contextmanager
    def _writer(self) -> Iterator[sqlite3.Connection]:
        while True:
            with self._guard.shared():
                if self._connection is not None and inode(self._file) == self._inode:
                    yield self._connection
                    return
            # Another process put the file aside, because it was damaged: what we have open is no longer the registry.
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            self._open()

    def _seal(self, connection: sqlite3.Connection) -> None:
        # A check more for the next who opens it, and not worth an error: without a seal it is merely not checked so.
        with suppress(sqlite3.Error, OSError), self._guard.exclusive_now() as alone:
            noted = self._mark.read()
            if alone and noted and not noted.seal and inode(self._file) == self._inode:
                # What was written without waiting for the disk must be there before anything vouches for it.
                connection.execute("PRAGMA wal_checkpoint").fetchone()
                self._mark.write(noted._replace(seal=seal_of(connection)))


def open_registry(
    file: Path, run: Path, *, migrations: Sequence[Migration] = MIGRATIONS, keep: int = _journal.KEEP
) -> Registry:
    """Open the registry in `file`, making it if it is missing; followers are found below the folder `run`.

    It is checked, and brought to the latest schema after a backup. A damaged one is put aside under a dated name, and
    a fresh one takes its place, which `Registry.needs_rebuild` asks to fill. `keep` is how many events are kept.

    Raises:
        RegistryFailed: it is locked by somebody for seconds, forbidden, or newer than this papin.
        DiskSpace: there is no space for it.
        StorageFailed: its folder cannot be made.
    """
    make_folder(file.parent)
    return Registry(file.resolve(), run, migrations, keep)
