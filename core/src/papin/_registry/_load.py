"""From rows to `Model` values: one query a table, however many models.

Ten thousand models are read in some tens of milliseconds, nearly all of it for making the rows' texts into objects; so
what few models have (tags, settings, usage) is not joined in, but looked up in small dictionaries.
"""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple, TypeVar

import msgspec

from papin._registry._times import from_stored
from papin.models import Model, Placement, StoredFile

__all__ = ["load_model", "load_models", "load_versions"]

T = TypeVar("T")
_Setting = str | int | float | bool


class _Query(NamedTuple):
    """A query over all models, and the same one over the model whose row is the parameter."""

    every: str
    one: str

    def rows(self, connection: sqlite3.Connection, key: int | None) -> Iterable[Any]:
        """Run it."""
        return connection.execute(self.every) if key is None else connection.execute(self.one, (key,))


# CROSS JOIN keeps SQLite from walking the index of the ids, which costs a third more.
_VERSIONS = """
SELECT v.key, m.key, m.id, m.ref, v.installed_at, v.source, v.revision, v.format, v.architecture, v.parameters,
       v.quantization, v.context_length, v.license, v.capabilities
FROM versions v CROSS JOIN models m ON m.key = v.model
"""
_FILES = """
SELECT mf.version, mf.name, f.sha256, f.size, mf.role, f.format, f.storage
FROM model_files mf JOIN files f ON f.key = mf.file
"""
_OF_ONE = "JOIN versions v ON v.key = mf.version WHERE v.model = ?"

_current = _Query(f"{_VERSIONS} WHERE +v.current", f"{_VERSIONS} WHERE v.current AND v.model = ?")
_history = _Query(f"{_VERSIONS} ORDER BY v.key", f"{_VERSIONS} WHERE v.model = ? ORDER BY v.key")
_files = _Query(f"{_FILES} ORDER BY mf.version, mf.position", f"{_FILES} {_OF_ONE} ORDER BY mf.version, mf.position")


def _details(columns: str, table: str) -> _Query:
    select = f"SELECT model, {columns} FROM {table}"  # noqa: S608  constants of this module only
    return _Query(f"{select} ORDER BY 1, position", f"{select} WHERE model = ? ORDER BY position")


_tags = _details("name", "tags")
_collections = _details("name", "collections")
_settings = _details("name, value", "settings")
_placements = _details("provider, reference, how", "placements")
_usage = _Query("SELECT model, last_used_at, uses FROM usage", "SELECT * FROM usage WHERE model = ?")
_favourites = _Query("SELECT model FROM favourites", "SELECT model FROM favourites WHERE model = ?")


@lru_cache(maxsize=256)
def _capabilities(text: str) -> tuple[str, ...]:
    return tuple(text.split("\n")) if text else ()


def _grouped(rows: Iterable[Any], make: Callable[[Any], T]) -> dict[int, tuple[T, ...]]:
    return {key: tuple([make(row) for row in group]) for key, group in groupby(rows, itemgetter(0))}


def _stored_files(rows: Iterable[Any]) -> dict[int, list[StoredFile]]:
    # Every model has files: this is worth a loop of its own.
    found: dict[int, list[StoredFile]] = {}
    for version, name, sha256, size, role, kind, storage in rows:
        file = StoredFile(name=name, sha256=sha256, size=size, role=role, format=kind, storage=storage)
        found.setdefault(version, []).append(file)
    return found


def _setting(row: Any) -> tuple[str, _Setting]:
    return row[1], msgspec.json.decode(row[2], type=_Setting)


def _placement(row: Any) -> Placement:
    return Placement(provider=row[1], reference=row[2], how=row[3])


class _Parts:
    """What hangs on models, read whole and grouped by the row of its version (files) or of its model."""

    def __init__(self, connection: sqlite3.Connection, key: int | None) -> None:
        name = itemgetter(1)
        self.files = _stored_files(_files.rows(connection, key))
        self.tags = _grouped(_tags.rows(connection, key), name)
        self.collections = _grouped(_collections.rows(connection, key), name)
        self.settings = _grouped(_settings.rows(connection, key), _setting)
        self.placements = _grouped(_placements.rows(connection, key), _placement)
        self.favourites = {row[0] for row in _favourites.rows(connection, key)}
        self.usage = {model: (used_at, uses) for model, used_at, uses in _usage.rows(connection, key)}


_NEVER = (None, 0)


def _model(row: Any, parts: _Parts) -> Model:
    (
        version,
        key,
        model_id,
        ref,
        installed_at,
        source,
        revision,
        kind,
        architecture,
        parameters,
        quantization,
        context_length,
        model_license,
        capabilities,
    ) = row
    files = tuple(parts.files.get(version, ()))
    used_at, uses = parts.usage.get(key, _NEVER)
    return Model(
        id=model_id,
        ref=ref,
        files=files,
        installed_at=from_stored(installed_at),
        source=source,
        revision=revision,
        format=kind,
        architecture=architecture,
        parameters=parameters,
        quantization=quantization,
        context_length=context_length,
        license=model_license,
        capabilities=_capabilities(capabilities),
        favourite=key in parts.favourites,
        tags=parts.tags.get(key, ()),
        collections=parts.collections.get(key, ()),
        settings=dict(parts.settings.get(key, ())),
        placements=parts.placements.get(key, ()),
        last_used_at=None if used_at is None else from_stored(used_at),
        uses=uses,
        size=sum([file.size for file in files]),
    )


def _models(connection: sqlite3.Connection, query: _Query, key: int | None) -> list[Model]:
    parts = _Parts(connection, key)
    return [_model(row, parts) for row in query.rows(connection, key)]


@contextmanager
def _without_collector() -> Iterator[None]:
    # It would walk tens of thousands of new values several times, in vain: nothing here can be garbage.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def load_models(connection: sqlite3.Connection) -> tuple[Model, ...]:
    """Return all models in the order of their ids."""
    with _without_collector():
        return tuple(sorted(_models(connection, _current, None), key=attrgetter("id")))


def load_model(connection: sqlite3.Connection, key: int) -> Model:
    """Return the model whose row is `key`."""
    return _models(connection, _current, key)[0]


def load_versions(connection: sqlite3.Connection, key: int) -> tuple[Model, ...]:
    """Return what the model whose row is `key` was and is, the oldest version first."""
    return tuple(_models(connection, _history, key))
