"""Recording what a catalog told."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import count, islice
from typing import Any, NamedTuple

import msgspec

from papin._index._facets import Facets
from papin._index._facts import Facts, clean, facts_of, learned, pack
from papin._index._identity import Identity, digests, is_same
from papin._index._postings import POSTED, Postings
from papin._registry._times import to_stored
from papin.catalogs import Page
from papin.errors import NameInvalid, Problem
from papin.filenames import parameters_of
from papin.models import CatalogEntry

__all__ = ["Stored", "fail", "forget", "put", "put_entries"]

_AT_ONCE = 100  # entries between two looks whether to go on
_COLUMNS = (
    "catalog", "identity", "arch", "license", "publisher", "access", "can", "formats", "quants", "parameters",
    "largest", "context", "need", "size", "downloads", "likes", "trending", "created", "updated",
)  # fmt: skip
_INSERT = (
    f"INSERT INTO entries (key, name, card, {', '.join(_COLUMNS)})"  # noqa: S608  constants
    f" VALUES (?, ?, ?{', ?' * len(_COLUMNS)})"
)
_Known = tuple[int, bytes]


class Stored(NamedTuple):
    """What a page changed: how many entries are new or other than before, are gone, and could not be taken."""

    changed: int = 0
    gone: int = 0
    refused: int = 0


def put(
    connection: sqlite3.Connection,
    catalog: str,
    prefix: str,
    page: Page,
    now: datetime,
    *,
    check: Callable[[], None] = lambda: None,
) -> Stored:
    """Record a page of a refresh, and the state from which the next one goes on.

    `check` is called now and then, and raises when this is to end: then nothing of the page is recorded.
    """
    stored = put_entries(connection, catalog, prefix, page.entries, check=check)
    with _writing(connection, catalog) as writer:
        gone = {each for name in page.gone if (each := writer.existing(name)) is not None}
        if page.whole:
            kept = {entry.name for entry in page.entries}
            gone |= {key for name, key in writer.all_names() if name not in kept}
        for key in gone:
            writer.remove(key)
    query = "UPDATE catalogs SET state = ?, problem = NULL, refreshed_at = coalesce(?, refreshed_at) WHERE name = ?"
    connection.execute(query, (page.state, None if page.more else to_stored(now), catalog))
    return stored._replace(gone=len(gone))


def put_entries(
    connection: sqlite3.Connection,
    catalog: str,
    prefix: str,
    entries: Iterable[CatalogEntry],
    *,
    check: Callable[[], None] = lambda: None,
) -> Stored:
    """Record entries, whatever else the catalog has."""
    _know(connection, catalog, prefix)
    changed = refused = 0
    told = iter(entries)
    with _writing(connection, catalog) as writer:
        while some := [*islice(told, _AT_ONCE)]:
            check()
            known = writer.stored([entry.name for entry in some])
            for entry in some:
                try:
                    changed += writer.put(clean(entry, catalog, prefix), known)
                except NameInvalid:
                    refused += 1
    return Stored(changed=changed, refused=refused)


def _know(connection: sqlite3.Connection, catalog: str, prefix: str) -> None:
    query = (
        "INSERT INTO catalogs (name, prefix) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET prefix = excluded.prefix"
    )
    connection.execute(query, (catalog, prefix))


def fail(connection: sqlite3.Connection, catalog: str, prefix: str, problem: Problem) -> None:
    """Record why a refresh failed; what the catalog told before stays."""
    _know(connection, catalog, prefix)
    connection.execute("UPDATE catalogs SET problem = ? WHERE name = ?", (msgspec.json.encode(problem), catalog))


def forget(connection: sqlite3.Connection, catalog: str) -> int:
    """Forget a catalog and all that it has; return how many entries that were."""
    with _writing(connection, catalog) as writer:
        there = writer.all_names()
        for _, key in there:
            writer.remove(key)
    connection.execute("DELETE FROM catalogs WHERE name = ?", (catalog,))
    return len(there)


@contextmanager
def _writing(connection: sqlite3.Connection, catalog: str) -> Iterator[_Writer]:
    writer = _Writer(connection, catalog)
    yield writer
    writer.flush()


class _Writer:
    """Writes the entries of one catalog, inside a transaction."""

    def __init__(self, connection: sqlite3.Connection, catalog: str) -> None:
        self._do, self._many = connection.execute, connection.executemany
        self._facets = Facets(connection)
        self._postings = Postings(connection)
        self._details: list[tuple[int, str, str, bytes]] = []
        self._catalog = self._facets["catalog"][catalog]
        # Keys that no entry ever had. One is needed before its entry is there, whose card it may become.
        row = self._do("SELECT seq FROM sqlite_sequence WHERE name = 'entries'").fetchone()
        self._new_keys = count(1 if row is None else int(row[0]) + 1)

    def flush(self) -> None:
        """Write what was put and is not written yet; what stands for an entry and decides its card is at once."""
        self._write_details()
        self._postings.flush()

    def _write_details(self) -> None:
        self._many("INSERT INTO details VALUES (?, ?, ?, ?)", self._details)
        self._many("INSERT INTO words (rowid, title, about) VALUES (?, ?, ?)", [each[:3] for each in self._details])
        self._details.clear()

    def existing(self, name: str) -> int | None:
        # The index of names does not tell cases apart; few names differ by that alone.
        query = "SELECT key FROM entries WHERE lower(name) = lower(?1) AND catalog = ?2 AND name = ?1"
        row = self._do(query, (name, self._catalog)).fetchone()
        return None if row is None else int(row[0])

    def all_names(self) -> list[tuple[str, int]]:
        return self._do("SELECT name, key FROM entries WHERE catalog = ?", (self._catalog,)).fetchall()

    def stored(self, names: Sequence[str]) -> dict[str, _Known]:
        """Return what is recorded of the entries of these names."""
        query = """
        SELECT e.name, e.key, d.entry FROM json_each(?) n
        CROSS JOIN entries e INDEXED BY entries_by_name ON lower(e.name) = lower(n.value) AND e.catalog = ?
        JOIN details d ON d.key = e.key WHERE e.name = n.value
        """
        return {name: (key, packed) for name, key, packed in self._do(query, (json.dumps(names), self._catalog))}

    def put(self, entry: CatalogEntry, known: dict[str, _Known]) -> bool:
        """Record an entry, and in `known` that it is; return whether anything of it is new."""
        packed = pack(entry)
        before = known.get(entry.name)
        if before is not None:
            if before[1] != packed:
                entry = learned(entry, before[1])
                packed = pack(entry)
            if before[1] == packed:
                return False
            self.remove(before[0])
        key = next(self._new_keys) if before is None else before[0]
        self._insert(key, entry, packed)
        known[entry.name] = (key, packed)
        return True

    def _insert(self, key: int, entry: CatalogEntry, packed: bytes) -> None:
        facts, keys = facts_of(entry), digests(entry)
        card = self._card(facts.identity, keys, key) or key
        columns = self._columns(entry, facts)
        self._do(_INSERT, (key, entry.name, card, *columns.values()))
        self._postings.toggle(key, columns)
        self._details.append((key, *_about(entry), packed))
        if keys:
            self._many("INSERT INTO digests VALUES (?, ?)", [(digest, key) for digest in keys])

    def _columns(self, entry: CatalogEntry, facts: Facts) -> dict[str, Any]:
        """Return what stands in `_COLUMNS`, in their order."""
        number, mask = self._facets, self._facets.mask
        return {
            "catalog": self._catalog,
            "identity": facts.identity.name,
            "arch": number["arch"][entry.architecture],
            "license": number["license"][entry.license],
            "publisher": number["publisher"][entry.publisher.lower()],
            "access": number["access"][entry.access],
            "can": mask("can", entry.capabilities),
            "formats": mask("format", entry.formats),
            "quants": mask("quant", facts.quantizations),
            "parameters": facts.parameters,
            "largest": facts.largest,
            "context": entry.context_length,
            "need": facts.need,
            "size": facts.size,
            "downloads": entry.downloads or 0,
            "likes": entry.likes or 0,
            "trending": entry.trending or 0.0,
            "created": to_stored(entry.created_at) if entry.created_at else 0,
            "updated": to_stored(entry.updated_at) if entry.updated_at else 0,
        }

    def _card(self, known: Identity, keys: set[int], key: int) -> int:
        """Return the card of the same model, of any catalog; 0 for one of its own."""
        for digest in keys:
            query = "SELECT e.card FROM digests d JOIN entries e ON e.key = d.entry WHERE d.digest = ? AND e.key <> ?"
            row = self._do(query, (digest, key)).fetchone()
            if row is not None:
                return int(row[0])
        query = """
        SELECT e.card, f.value, CASE WHEN e.parameters = e.largest THEN e.parameters END
        FROM entries e JOIN facets f ON f.facet = 'arch' AND f.number = e.arch
        WHERE e.identity = ? AND e.key <> ? LIMIT 50
        """
        for card, architecture, parameters in self._do(query, (known.name, key)):
            if is_same(known, Identity(known.name, architecture, parameters)):
                return int(card)
        return 0

    def remove(self, key: int) -> None:
        if self._details:
            self._write_details()
        posted = self._do(f"SELECT {', '.join(POSTED)} FROM entries WHERE key = ?", (key,)).fetchone()  # noqa: S608  constants
        self._postings.toggle(key, dict(zip(POSTED, posted, strict=True)))
        # What is searched must be told exactly as it was, to be taken out of the index of words.
        told = "SELECT 'delete', key, title, about FROM details WHERE key = ?"
        self._do(f"INSERT INTO words (words, rowid, title, about) {told}", (key,))
        self._do("DELETE FROM details WHERE key = ?", (key,))
        self._do("DELETE FROM digests WHERE entry = ?", (key,))
        self._do("DELETE FROM entries WHERE key = ?", (key,))


def _about(entry: CatalogEntry) -> tuple[str, str]:
    """Return the words of an entry: those of its names, and those that are said of it."""
    title = dict.fromkeys([entry.title, entry.name, entry.base_model])
    # Of several sizes a person types the one that is wanted after the name: `qwen3 4b`.
    several = () if entry.parameters else entry.variants
    sizes = [each.variant for each in several if parameters_of(each.variant)]
    about = [entry.summary, entry.publisher, entry.architecture, *entry.capabilities, *sizes]
    return " ".join(each for each in title if each), " ".join(each for each in about if each)
