"""Bringing a database from an older schema to ours: after a backup, in one transaction."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from papin._registry._connections import connect
from papin._registry._failures import newer
from papin._registry._files import dated, sync
from papin._registry._schema import APPLICATION_ID, Migration
from papin.errors import RegistryFailed

__all__ = ["create", "migrate", "version_of"]


def version_of(connection: sqlite3.Connection) -> int:
    """Return the version of the schema, 0 for an empty database."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def create(file: Path, migrations: Sequence[Migration]) -> None:
    """Make an empty database under a name that nobody else uses yet."""
    with closing(connect(file, "rwc")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        _advance(connection, migrations, 0)
        connection.execute("COMMIT")


def migrate(file: Path, migrations: Sequence[Migration]) -> Path | None:
    """Bring `file` to the latest version; return its backup, or None when there was nothing to do.

    The caller holds the guard alone. An error or a crash leaves the database as it was.

    Raises:
        RegistryFailed: it is newer than `migrations`, or does not fit together after them.
    """
    with closing(connect(file, "rw")) as connection:
        version = version_of(connection)
        if version > len(migrations):
            raise newer(file, version, len(migrations))
        if version == len(migrations):
            return None
        backup = _back_up(connection, file, version)
        # A table is rebuilt by making a new one in its place, which foreign keys would take for a deletion.
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN EXCLUSIVE")
        try:
            _advance(connection, migrations, version)
            _check_references(connection, file)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
    return backup


def _advance(connection: sqlite3.Connection, migrations: Sequence[Migration], version: int) -> None:
    for migration in migrations[version:]:
        for statement in migration:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(migrations)}")


def _check_references(connection: sqlite3.Connection, file: Path) -> None:
    broken = connection.execute("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise RegistryFailed(
            f"The registry {file} could not be brought up to date: {len(broken)} rows of {broken[0][0]} lost theirs",
            next_step="It was left as it was. Report this, with the text of this message.",
        )


def _back_up(connection: sqlite3.Connection, file: Path, version: int) -> Path:
    target = dated(file, f"version-{version}")
    unfinished = target.with_name(f"{file.name}.backup")
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(unfinished)) as copy:
        connection.backup(copy)
    sync(unfinished)
    os.replace(unfinished, target)  # noqa: PTH105  says that it replaces, as the write protocol does
    sync(target.parent)
    return target
