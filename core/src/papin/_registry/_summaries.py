"""What a long list shows, read without making values of it.

Of ten thousand models this takes a fifth of the time of `load_models`, and it needs no msgspec, whose import takes as
long as reading some thousand of them: nobody waits for a list.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import groupby, repeat
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from papin.models import Model
    from papin.shelf import Shelf, Shelved

__all__ = ["Glance", "Summary"]


class Summary(NamedTuple):
    """A model in a list. The fields are those of `papin.models.Model`; `used` is in seconds since 1970.

    `where` names the providers that it is usable in.
    """

    id: str
    size: int
    parameters: int | None
    quantization: str
    context_length: int | None
    used: float | None
    favourite: bool
    tags: tuple[str, ...]
    where: tuple[str, ...] = ()
    duplicated: int = 0
    elsewhere: bool = False


# CROSS JOIN keeps SQLite from walking the index of the ids, which costs a third more.
_ROWS = """
SELECT m.id, v.key, v.parameters, v.quantization, v.context_length, u.last_used_at / 1e6, m.key
FROM versions v CROSS JOIN models m ON m.key = v.model LEFT JOIN usage u ON u.model = m.key
WHERE +v.current
"""
# By themselves the files are read in the order of an index, which is six times as quick as looking each of them up.
_SIZES = "SELECT mf.version, f.size FROM model_files mf CROSS JOIN files f ON f.key = mf.file"
# A row that no version can read counts as never made.
_LISTINGS = (
    "(SELECT CASE WHEN json_valid(CAST(inventory AS TEXT)) THEN CAST(inventory AS TEXT) END told FROM inventories)"
)
_HAS_MODELS = f"SELECT EXISTS (SELECT 1 FROM {_LISTINGS} WHERE json_array_length(told, '$.listing.models') > 0)"  # noqa: S608
_STAMPS = f"""
SELECT json_extract(each.value, '$.path'), json_extract(each.value, '$.mtime_ns')
FROM (SELECT value AS told, '$' AS place FROM meta WHERE name = 'plugin_stamps'
      UNION ALL SELECT told, '$.listing.stamps' FROM {_LISTINGS}), json_each(told, place) each
WHERE json_type(CASE each.type WHEN 'object' THEN each.value END, '$.path') = 'text'
"""  # noqa: S608  constants


class Glance:
    """The few facts of all models that a list shows. Every method is one snapshot, and blocks for milliseconds.

    Raises (all methods):
        RegistryFailed: the database is locked, damaged, forbidden, or of another schema version.
    """

    def __init__(self, snapshot: Callable[[], AbstractContextManager[sqlite3.Connection]]) -> None:
        self._snapshot = snapshot

    def summaries(self) -> tuple[Summary, ...]:
        """Return all models in the order of their ids, those that only providers have included."""
        with self._snapshot() as connection:
            found = _installed(connection)
            (has_models,) = connection.execute(_HAS_MODELS).fetchone()
            return _with_others(connection, found) if has_models else found

    def model_ids(self) -> tuple[str, ...]:
        """Return the ids of all installed models, sorted."""
        with self._snapshot() as connection:
            return tuple(model_id for (model_id,) in connection.execute("SELECT id FROM models ORDER BY id"))

    def payload_bytes(self) -> int:
        """Return how many bytes the payloads of all models have, each counted once."""
        # DISTINCT walks an index, where IN would make a table of its own.
        query = """
        SELECT total(f.size) FROM (SELECT DISTINCT file FROM model_files) used CROSS JOIN files f ON f.key = used.file
        """
        with self._snapshot() as connection:
            return int(connection.execute(query).fetchone()[0])

    def stamps(self) -> list[tuple[str, int | None]] | None:
        """Return the folders and files that decide what providers have, with the times they had when that was read.

        A time is in nanoseconds since 1970; None: it was not there. None of all: nothing was ever read.
        """
        with self._snapshot() as connection:
            if not connection.execute("SELECT 1 FROM meta WHERE name = 'plugin_stamps'").fetchone():
                return None
            return connection.execute(_STAMPS).fetchall()


def _installed(connection: sqlite3.Connection) -> tuple[Summary, ...]:
    favourites = {key for (key,) in connection.execute("SELECT model FROM favourites")}
    tags: dict[int, tuple[str, ...]] = {}
    for key, name in connection.execute("SELECT model, name FROM tags ORDER BY model, position"):
        tags[key] = (*tags.get(key, ()), name)
    sizes = _sums(connection.execute(_SIZES).fetchall())
    rows: list[Any] = sorted(connection.execute(_ROWS), key=itemgetter(0))
    if not rows:
        return ()
    # Column by column, and past the checks of `Summary`: of a row, that takes half of the time.
    ids, versions, parameters, quantizations, contexts, used, keys = zip(*rows, strict=True)
    columns = (
        ids,
        map(sizes.get, versions, repeat(0)),
        parameters,
        quantizations,
        contexts,
        used,
        map(favourites.__contains__, keys),
        map(tags.get, keys, repeat(())),
    )
    return tuple(map(tuple.__new__, repeat(Summary), zip(*columns, repeat(()), repeat(0), repeat(False), strict=False)))


def _sums(sizes: list[tuple[int, int]]) -> dict[int, int]:
    """Return the sum of the sizes of each version; most models have a single file."""
    found = dict(sizes)
    if len(found) < len(sizes):
        found = dict.fromkeys(found, 0)
        for version, size in sizes:
            found[version] += size
    return found


def _with_others(connection: sqlite3.Connection, found: tuple[Summary, ...]) -> tuple[Summary, ...]:
    """Return the models with what other programs have of them, and those that only they have."""
    from papin._registry._inventories import load_shelf  # noqa: PLC0415  needs msgspec

    shelf: Shelf = load_shelf(connection)
    places = _places(connection)
    owned = {each.owner: each for each in shelf.groups if each.owner}
    rows = [_placed(row, owned.get(row.id), places.get(row.id, ())) for row in found]
    return tuple(sorted([*rows, *map(_foreign, shelf.only())], key=itemgetter(0)))


def _places(connection: sqlite3.Connection) -> dict[str, tuple[str, ...]]:
    rows = connection.execute(
        "SELECT m.id, p.provider FROM placements p JOIN models m ON m.key = p.model ORDER BY 1, 2"
    )
    return {model_id: tuple(provider for _, provider in group) for model_id, group in groupby(rows, itemgetter(0))}


def _placed(row: Summary, shelved: Shelved | None, recorded: tuple[str, ...]) -> Summary:
    if shelved is None:
        return row._replace(where=recorded) if recorded else row
    where = tuple(sorted({*recorded, *(each.provider for each in shelved.holdings)}))
    return row._replace(where=where, duplicated=shelved.duplicated)


def _foreign(model: Model) -> Summary:
    return Summary(
        id=model.id,
        size=model.size,
        parameters=model.parameters,
        quantization=model.quantization,
        context_length=model.context_length,
        used=None if model.last_used_at is None else model.last_used_at.timestamp(),
        favourite=model.favourite,
        tags=model.tags,
        where=tuple(dict.fromkeys(each.provider for each in model.placements)),
        duplicated=model.duplicated,
        elsewhere=model.elsewhere,
    )
