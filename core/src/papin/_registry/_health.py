"""What is done before a database is used: is it there, is it sound, is it ours; and if not, a fresh one.

A damaged file is put aside under a dated name with everything that belongs to it, and never deleted. A database that
is merely locked, forbidden or full is not damaged: that is an error, and the file is left alone.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal

from papin._registry import _journal, _meta
from papin._registry._connections import connect
from papin._registry._failures import is_damage, newer, nonsense, told
from papin._registry._files import SIDES, dated, sync
from papin._registry._guard import Guard
from papin._registry._jobs import load_jobs
from papin._registry._load import load_models
from papin._registry._mark import Mark, Note, seal_of
from papin._registry._migrate import create, migrate, version_of
from papin._registry._schema import APPLICATION_ID, Migration

__all__ = ["give_up", "prepare"]

_Verdict = Literal["sound", "old", "lost", "damaged", "missing"]
"""`old`: of an older schema. `lost`: sound, but not all of what was acknowledged is in it."""


def prepare(file: Path, guard: Guard, mark: Mark, migrations: Sequence[Migration]) -> None:
    """Make `file` a sound registry of the latest schema.

    Raises:
        RegistryFailed: it is locked, forbidden, or newer than we know.
        DiskSpace: there is no space for a fresh one, or for the backup before a migration.
    """
    with told(file):
        with guard.shared():
            if _examine(file, mark, migrations) == "sound":
                return
        with guard.exclusive():
            # Another process may have mended it while we waited; and what was lost may be old as well.
            while (verdict := _examine(file, mark, migrations)) != "sound":
                _mend(file, mark, migrations, verdict)


def give_up(file: Path, guard: Guard, mark: Mark, migrations: Sequence[Migration]) -> None:
    """Put `file` aside although `prepare` found it sound: a damage that shows only to who would write."""
    with told(file), guard.exclusive():
        _mend(file, mark, migrations, "damaged")


def _mend(file: Path, mark: Mark, migrations: Sequence[Migration], verdict: _Verdict) -> None:
    if verdict in {"damaged", "missing"}:
        _make(file, mark, migrations, kept=_set_aside(file))
    elif verdict == "old":
        _break_seal(mark)
        migrate(file, migrations)
    else:
        _note_losses(file, mark)


def _break_seal(mark: Mark) -> None:
    if noted := mark.read():
        mark.write(noted._replace(seal=""))


def _examine(file: Path, mark: Mark, migrations: Sequence[Migration]) -> _Verdict:
    try:
        found = file.stat()
    except FileNotFoundError:
        return "missing"
    # SQLite takes an empty file for a new database; ours get their name when they are complete.
    if not found.st_size or not stat.S_ISREG(found.st_mode):
        return "damaged"
    try:
        # Reading only: the log of a damaged database is evidence, and a writer would move it into the file.
        with closing(connect(file, "ro")) as connection:
            return _judge(connection, file, mark, migrations)
    except sqlite3.Error as error:
        if is_damage(error):
            return "damaged"
        raise
    except nonsense():
        return "damaged"


def _judge(connection: sqlite3.Connection, file: Path, mark: Mark, migrations: Sequence[Migration]) -> _Verdict:
    version = version_of(connection)
    (ours,) = connection.execute("PRAGMA application_id").fetchone()
    if ours != APPLICATION_ID or not version or not _is_whole(connection):
        return "damaged"
    if version > len(migrations):
        raise newer(file, version, len(migrations))
    current = version == len(migrations)
    noted, last = mark.read(), _journal.last_seq(connection)
    if noted and (noted.identity != _meta.identity(connection) or noted.seq > last):
        return "lost" if _is_readable(connection, current=current) else "damaged"
    if noted and noted.seal and noted.seq == last:
        sound = seal_of(connection) in {noted.seal, ""}
    else:
        sound = _is_readable(connection, current=current)
    if not sound:
        return "damaged"
    return "sound" if current else "old"


def _is_whole(connection: sqlite3.Connection) -> bool:
    answer = connection.execute("PRAGMA quick_check(1)").fetchone()
    return bool(answer == ("ok",))


def _is_readable(connection: sqlite3.Connection, *, current: bool) -> bool:
    # The rows of another schema are for its migration to read.
    if current:
        load_models(connection)
        load_jobs(connection)
    return not connection.execute("PRAGMA foreign_key_check").fetchone()


def _set_aside(file: Path) -> Path | None:
    # The database first: should we die in between, a log without a database is found, and put aside as well.
    target = dated(file, "damaged")
    moved = [
        side for side in ("", *SIDES) if _move(file.with_name(file.name + side), target.with_name(target.name + side))
    ]
    if moved:
        sync(file.parent)
    return target.with_name(target.name + moved[0]) if moved else None


def _move(source: Path, target: Path) -> bool:
    try:
        source.rename(target)
    except FileNotFoundError:
        return False
    return True


def _make(file: Path, mark: Mark, migrations: Sequence[Migration], *, kept: Path | None) -> None:
    unfinished = file.with_name(f"{file.name}.new")
    for side in ("", *SIDES):
        unfinished.with_name(unfinished.name + side).unlink(missing_ok=True)
    create(unfinished, migrations)
    noted = mark.read()
    with closing(connect(unfinished, "rw")) as connection:
        connection.execute("BEGIN IMMEDIATE")
        note = Note(seq=noted.seq if noted else 0, identity=_meta.set_identity(connection))
        _journal.go_on_from(connection, note.seq)
        _meta.set_needs_rebuild(connection, kept)
        connection.execute("COMMIT")
    sync(unfinished)
    os.replace(unfinished, file)  # noqa: PTH105  says that it replaces, as the write protocol does
    sync(file.parent)
    mark.write(note)


def _note_losses(file: Path, mark: Mark) -> None:
    noted = mark.read()
    _break_seal(mark)
    with closing(connect(file, "rw")) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        note = Note(
            seq=max(noted.seq if noted else 0, _journal.last_seq(connection)), identity=_meta.identity(connection)
        )
        _journal.go_on_from(connection, note.seq)
        _meta.set_needs_rebuild(connection, None)
        connection.execute("COMMIT")
    mark.write(note)
