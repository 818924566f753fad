"""From `Model` values to rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from papin import names
from papin._registry._load import load_model
from papin._registry._times import to_stored
from papin.errors import Conflict, RegistryFailed
from papin.models import Model, StoredFile

__all__ = ["check", "insert_model", "replace_model"]

_DETAILS = ("tags", "collections", "settings", "placements", "favourites")


def check(model: Model) -> None:
    """Refuse what no registry may hold, wherever the value came from.

    Raises:
        NameInvalid: the id, the name of a file, or a digest.
        RegistryFailed: a text or a number that SQLite cannot keep.
    """
    names.check(model.id, "id")
    for file in model.files:
        names.check(file.name, "file")
        names.check(file.sha256, "digest")
    numbers = (model.parameters, model.context_length, model.uses, *(file.size for file in model.files))
    times = (model.installed_at, model.last_used_at)
    if (
        not all(number is None or 0 <= number < 1 << 63 for number in numbers)
        or not all(time is None or time.tzinfo for time in times)
        or not _is_text(model)
    ):
        raise RegistryFailed(
            f"What the model {model.id} says of itself cannot be recorded",
            next_step="Verify its files, or take it from elsewhere.",
        )


def _is_text(model: Model) -> bool:
    try:
        msgspec.json.encode(model)
    except UnicodeEncodeError:
        return False
    return True


def insert_model(connection: sqlite3.Connection, model: Model) -> None:
    """Add a model, with its usage, as its first version. Its id is free."""
    query = "INSERT INTO models (id, ref) VALUES (?, ?)"
    key = connection.execute(query, (model.id, model.ref)).lastrowid
    assert key is not None
    _insert_version(connection, key, model)
    _insert_details(connection, key, model)
    if model.uses or model.last_used_at:
        used = None if model.last_used_at is None else to_stored(model.last_used_at)
        connection.execute("INSERT INTO usage (model, last_used_at, uses) VALUES (?, ?, ?)", (key, used, model.uses))


def replace_model(connection: sqlite3.Connection, key: int, model: Model) -> None:
    """Record that the model whose row is `key` is now `model`; its usage stays.

    Other files, or another revision, are a new version of it; the one before is kept.
    """
    before = load_model(connection, key)
    connection.execute("UPDATE models SET ref = ? WHERE key = ?", (model.ref, key))
    if (before.revision, _places(before)) == (model.revision, _places(model)):
        assignments = ", ".join(f"{column} = ?" for column in _VERSION)
        query = f"UPDATE versions SET {assignments} WHERE model = ? AND current"  # noqa: S608  constants
        connection.execute(query, (*_version(model), key))
        for file in model.files:
            _file(connection, file)
    else:
        connection.execute("UPDATE versions SET current = 0 WHERE model = ?", (key,))
        _insert_version(connection, key, model)
    for table in _DETAILS:
        connection.execute(f"DELETE FROM {table} WHERE model = ?", (key,))  # noqa: S608  constants
    _insert_details(connection, key, model)


def _places(model: Model) -> list[tuple[str, ...]]:
    # Not the format: that is what somebody read in the bytes, and not what they are.
    return [(file.name, file.sha256, file.role, file.storage) for file in model.files]


_VERSION = (
    "installed_at",
    "source",
    "revision",
    "format",
    "architecture",
    "parameters",
    "quantization",
    "context_length",
    "license",
    "capabilities",
)


def _version(model: Model) -> tuple[object, ...]:
    return (
        to_stored(model.installed_at),
        model.source,
        model.revision,
        model.format,
        model.architecture,
        model.parameters,
        model.quantization,
        model.context_length,
        model.license,
        "\n".join(model.capabilities),
    )


def _insert_version(connection: sqlite3.Connection, key: int, model: Model) -> None:
    query = (
        f"INSERT INTO versions (model, current, {', '.join(_VERSION)})"  # noqa: S608  constants
        f" VALUES (?, 1, {', '.join('?' * len(_VERSION))})"
    )
    version = connection.execute(query, (key, *_version(model))).lastrowid
    rows = (
        (version, position, _file(connection, file), file.name, file.role) for position, file in enumerate(model.files)
    )
    connection.executemany("INSERT INTO model_files (version, position, file, name, role) VALUES (?, ?, ?, ?, ?)", rows)


def _file(connection: sqlite3.Connection, file: StoredFile) -> int:
    query = "SELECT key, size FROM files WHERE sha256 = ? AND storage = ?"
    row = connection.execute(query, (file.sha256, file.storage)).fetchone()
    if row is None:
        query = "INSERT INTO files (sha256, storage, size, format) VALUES (?, ?, ?, ?)"
        key = connection.execute(query, (file.sha256, file.storage, file.size, file.format)).lastrowid
        assert key is not None
        return key
    key, size = row
    if size != file.size:
        raise Conflict(
            f"The file {file.name} is said to have {file.size} bytes, but what has its digest has {size}",
            next_step="Verify the models that use it: papin models verify.",
        )
    if file.format:
        connection.execute("UPDATE files SET format = ? WHERE key = ?", (file.format, key))
    return int(key)


def _insert_details(connection: sqlite3.Connection, key: int, model: Model) -> None:
    for table, found in (("tags", model.tags), ("collections", model.collections)):
        rows = _numbered(key, ((name,) for name in dict.fromkeys(found)))
        connection.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)  # noqa: S608  constants
    settings = ((name, msgspec.json.encode(value).decode()) for name, value in model.settings.items())
    connection.executemany("INSERT INTO settings VALUES (?, ?, ?, ?)", _numbered(key, settings))
    placements = ((each.provider, each.reference, each.how) for each in model.placements)
    connection.executemany("INSERT INTO placements VALUES (?, ?, ?, ?, ?)", _numbered(key, placements))
    if model.favourite:
        connection.execute("INSERT INTO favourites VALUES (?)", (key,))


def _numbered(key: int, rows: Iterable[tuple[object, ...]]) -> Iterable[tuple[object, ...]]:
    return ((key, position, *row) for position, row in enumerate(rows))
