"""From rows to `Model` values: one query a table, however many models."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from papin._registry._times import from_stored
from papin.models import Model, Placement, StoredFile

__all__ = ["load_model", "load_models", "load_versions"]

_Setting = str | int | float | bool


class _Query(NamedTuple):
    """A query over all models, and the same one over the model whose row is the parameter."""

    every: str
    one: str

    def rows(self, connection: sqlite3.Connection, key: int | None) -> Iterable[Any]:
        """Run it."""
        return connection.execute(self.every) if key is None else connection.execute(self.one, (key,))


_VERSIONS = """
SELECT v.key, m.key, m.id, m.ref, v.installed_at, v.source, v.revision, v.format, v.architecture, v.parameters,
       v.quantization, v.context_length, v.license, v.capabilities, f.model, u.last_used_at, u.uses
FROM versions v JOIN models m ON m.key = v.model LEFT JOIN favourites f ON f.model = m.key
     LEFT JOIN usage u ON u.model = m.key
"""
_FILES = """
SELECT mf.version, mf.name, f.sha256, f.size, mf.role, f.format, mf.storage
FROM model_files mf JOIN files f ON f.key = mf.file
"""
_IN_ORDER = "ORDER BY model, position"

_current = _Query(f"{_VERSIONS} WHERE v.current ORDER BY m.id", f"{_VERSIONS} WHERE v.current AND m.key = ?")
_versions = _Query("", f"{_VERSIONS} WHERE m.key = ? ORDER BY v.key")
_OF_ONE = "JOIN versions v ON v.key = mf.version WHERE v.model = ?"
_files = _Query(f"{_FILES} ORDER BY mf.version, mf.position", f"{_FILES} {_OF_ONE} ORDER BY mf.version, mf.position")


def _details(columns: str, table: str) -> _Query:
    select = f"SELECT model, {columns} FROM {table}"  # noqa: S608  constants of this module only
    return _Query(f"{select} {_IN_ORDER}", f"{select} WHERE model = ? {_IN_ORDER}")


_tags = _details("name", "tags")
_collections = _details("name", "collections")
_settings = _details("name, value", "settings")
_placements = _details("provider, reference, how", "placements")


@lru_cache(maxsize=256)
def _capabilities(text: str) -> tuple[str, ...]:
    return tuple(text.split("\n")) if text else ()


class _Parts:
    """What hangs on models, read whole and grouped by the row of its version or model."""

    def __init__(self, connection: sqlite3.Connection, key: int | None) -> None:
        self.files: dict[int, list[StoredFile]] = {}
        for version, name, sha256, size, role, kind, storage in _files.rows(connection, key):
            file = StoredFile(name=name, sha256=sha256, size=size, role=role, format=kind, storage=storage)
            self.files.setdefault(version, []).append(file)
        self.tags = _names(_tags.rows(connection, key))
        self.collections = _names(_collections.rows(connection, key))
        self.settings: dict[int, dict[str, _Setting]] = {}
        for model, name, value in _settings.rows(connection, key):
            self.settings.setdefault(model, {})[name] = msgspec.json.decode(value, type=_Setting)
        self.placements: dict[int, list[Placement]] = {}
        for model, provider, reference, how in _placements.rows(connection, key):
            placement = Placement(provider=provider, reference=reference, how=how)
            self.placements.setdefault(model, []).append(placement)


def _names(rows: Iterable[tuple[int, str]]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for model, name in rows:
        found.setdefault(model, []).append(name)
    return found


def _model(row: Any, parts: _Parts) -> Model:
    version, key, *_ = row
    files = tuple(parts.files.get(version, ()))
    return Model(
        id=row[2],
        ref=row[3],
        files=files,
        installed_at=from_stored(row[4]),
        source=row[5],
        revision=row[6],
        format=row[7],
        architecture=row[8],
        parameters=row[9],
        quantization=row[10],
        context_length=row[11],
        license=row[12],
        capabilities=_capabilities(row[13]),
        favourite=row[14] is not None,
        tags=tuple(parts.tags.get(key, ())),
        collections=tuple(parts.collections.get(key, ())),
        settings=parts.settings.get(key, {}),
        placements=tuple(parts.placements.get(key, ())),
        last_used_at=None if row[15] is None else from_stored(row[15]),
        uses=row[16] or 0,
        size=sum(file.size for file in files),
    )


def _models(connection: sqlite3.Connection, query: _Query, key: int | None) -> tuple[Model, ...]:
    parts = _Parts(connection, key)
    return tuple(_model(row, parts) for row in query.rows(connection, key))


def load_models(connection: sqlite3.Connection) -> tuple[Model, ...]:
    """Return all models in the order of their ids."""
    return _models(connection, _current, None)


def load_model(connection: sqlite3.Connection, key: int) -> Model:
    """Return the model whose row is `key`."""
    return _models(connection, _current, key)[0]


def load_versions(connection: sqlite3.Connection, key: int) -> tuple[Model, ...]:
    """Return what the model whose row is `key` was and is, the oldest version first."""
    return _models(connection, _versions, key)
