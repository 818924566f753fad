"""What a long list shows, read without making values of it.

Of ten thousand models this takes a fifth of the time of `load_models`, and it needs no msgspec, whose import takes as
long as reading some thousand of them: nobody waits for a list.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from papin.models import Model
    from papin.shelf import Shelf, Shelved

__all__ = ["Glance", "Summaries"]


class Summaries(NamedTuple):
    """What a list shows of all models, column by column, each from the first model to the last in the order of ids.

    What they hold are fields of `papin.models.Model`; `used` is in seconds since 1970, and `where` names the providers
    that a model is usable in. To make a value of each model and take it apart again would take a fifth of the reading.
    """

    ids: Sequence[str] = ()
    sizes: Sequence[int] = ()
    parameters: Sequence[int | None] = ()
    quantizations: Sequence[str] = ()
    context_lengths: Sequence[int | None] = ()
    used: Sequence[float | None] = ()
    favourites: Sequence[bool] = ()
    tags: Sequence[tuple[str, ...]] = ()
    where: Sequence[tuple[str, ...]] = ()
    duplicated: Sequence[int] = ()
    elsewhere: Sequence[bool] = ()


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

    def summaries(self) -> Summaries:
        """Return all models in the order of their ids, those that only providers have included."""
        with self._snapshot() as connection:
            found = _installed(connection)
            (has_models,) = connection.execute(_HAS_MODELS).fetchone()
            return _with_others(connection, found) if has_models else found

    def model_ids(self) -> tuple[str, ...]:
        """Return the ids of all installed models, sorted."""
        with self._snapshot() as connection:
            return tuple(model_id for (model_id,) in connection.execute("SELECT id FROM models ORDER BY id"))

    def recent(self) -> str:
        """Return the id of the installed model that was used last, or installed since; empty where none is."""
        query = """
        SELECT m.id FROM versions v CROSS JOIN models m ON m.key = v.model LEFT JOIN usage u ON u.model = m.key
        WHERE +v.current ORDER BY coalesce(u.last_used_at, v.installed_at) DESC, m.id LIMIT 1
        """
        with self._snapshot() as connection:
            row = connection.execute(query).fetchone()
            return "" if row is None else str(row[0])

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


def _installed(connection: sqlite3.Connection) -> Summaries:
    favourites = {key for (key,) in connection.execute("SELECT model FROM favourites")}
    tags: dict[int, tuple[str, ...]] = {}
    for key, name in connection.execute("SELECT model, name FROM tags ORDER BY model, position"):
        tags[key] = (*tags.get(key, ()), name)
    sizes = _sums(connection.execute(_SIZES).fetchall())
    rows: list[Any] = sorted(connection.execute(_ROWS), key=itemgetter(0))
    if not rows:
        return Summaries()
    ids, versions, parameters, quantizations, context_lengths, used, keys = zip(*rows, strict=True)
    return Summaries(
        ids,
        [sizes.get(version, 0) for version in versions],
        parameters,
        quantizations,
        context_lengths,
        used,
        [key in favourites for key in keys],
        [tags.get(key, ()) for key in keys],
        where=((),) * len(ids),
        duplicated=(0,) * len(ids),
        elsewhere=(False,) * len(ids),
    )


def _sums(sizes: list[tuple[int, int]]) -> dict[int, int]:
    """Return the sum of the sizes of each version; most models have a single file."""
    found = dict(sizes)
    if len(found) < len(sizes):
        found = dict.fromkeys(found, 0)
        for version, size in sizes:
            found[version] += size
    return found


def _with_others(connection: sqlite3.Connection, found: Summaries) -> Summaries:
    """Return the models with what other programs have of them, and those that only they have."""
    from papin._registry._inventories import load_shelf  # noqa: PLC0415  needs msgspec

    shelf: Shelf = load_shelf(connection)
    places = _places(connection)
    owned = {each.owner: each for each in shelf.groups if each.owner}
    shelved = [owned.get(model) for model in found.ids]
    placed = found._replace(
        where=[_where(each, places.get(model, ())) for each, model in zip(shelved, found.ids, strict=True)],
        duplicated=[each.duplicated if each else 0 for each in shelved],
    )
    rows = sorted([*zip(*placed, strict=True), *map(_foreign, shelf.only())], key=itemgetter(0))
    return Summaries(*zip(*rows, strict=True))


def _places(connection: sqlite3.Connection) -> dict[str, tuple[str, ...]]:
    rows = connection.execute(
        "SELECT m.id, p.provider FROM placements p JOIN models m ON m.key = p.model ORDER BY 1, 2"
    )
    return {model_id: tuple(provider for _, provider in group) for model_id, group in groupby(rows, itemgetter(0))}


def _where(shelved: Shelved | None, recorded: tuple[str, ...]) -> tuple[str, ...]:
    if shelved is None:
        return recorded
    return tuple(sorted({*recorded, *(each.provider for each in shelved.holdings)}))


def _foreign(model: Model) -> tuple[Any, ...]:
    """Return what stands of `model` in each column of `Summaries`."""
    return (
        model.id,
        model.size,
        model.parameters,
        model.quantization,
        model.context_length,
        None if model.last_used_at is None else model.last_used_at.timestamp(),
        model.favourite,
        model.tags,
        tuple(dict.fromkeys(each.provider for each in model.placements)),
        model.duplicated,
        model.elsewhere,
    )
