"""Searching: words and conditions to the keys of entries, one for each card, in order.

How a word is looked for depends on how common it is. The entries of a rare one are ranked, all of them. Those of a
common one are so many that the best are the popular ones: the index of popularity is walked until there are enough,
and whether an entry has the word is looked up in the set of all that have it, or entry by entry where most have.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from papin._index._conditions import Condition, Here, condition
from papin._index._emptied import begins, emptied_by
from papin._index._facets import known
from papin._index._schema import SORTED
from papin._index._spelling import mend, tokens
from papin.query import Query

__all__ = ["Hits", "search"]

_RARE = 1500
_COMMON = 20_000
_COLUMNS = {"new": "created"}
_TITLE_WEIGHT, _ABOUT_WEIGHT = 8.0, 1.0
_POPULAR = 0.15
_EXACTLY = 1000.0
_BEGINS = 1.5


class Hits(NamedTuple):
    """The keys of the entries that stand for the cards, in order; and the query as it was understood."""

    keys: tuple[int, ...]
    more: bool
    meant: Query
    emptied_by: tuple[str, ...] = ()


def search(connection: sqlite3.Connection, query: Query, limit: int, here: Here) -> Hits:
    """Return at most `limit` hits.

    Raises:
        NotFound: a filter names a provider that is not here.
    """
    words = [mend(connection, token) for token in tokens(query.words)]
    conditions = [condition(connection, each, here) for each in query.filters]
    meant = msgspec.structs.replace(query, words=tuple(words), filters=tuple(each.meant for each in conditions))
    hidden = _gone(connection, here)
    keys = _first(_Asked(connection, words, conditions, query.sort, hidden).hits(), limit + 1)
    if keys:
        return Hits(tuple(keys[:limit]), len(keys) > limit, meant)
    return Hits((), more=False, meant=meant, emptied_by=emptied_by(connection, words, conditions))


def _gone(connection: sqlite3.Connection, here: Here) -> tuple[int, ...]:
    """Return the numbers of the catalogs that told something once, and are not here."""
    if here.catalogs is None:
        return ()
    told = [name for (name,) in connection.execute("SELECT name FROM catalogs") if name not in here.catalogs]
    numbers = known(connection, "catalog") if told else {}
    return tuple(numbers[name] for name in told if name in numbers)


def _first(rows: Iterator[tuple[int, int]], limit: int) -> list[int]:
    """Return the keys of the first entries of `limit` cards."""
    seen: dict[int, int] = {}
    for key, card in rows:
        seen.setdefault(card, key)
        if len(seen) >= limit:
            break
    return list(seen.values())


class _Asked:
    """One question to the index."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        words: Sequence[str],
        conditions: Sequence[Condition],
        sort: str,
        hidden: Sequence[int] = (),
    ) -> None:
        self._do = connection.execute
        self._words = words
        self._sort = sort or ("match" if words else "downloads")
        gone = [f"e.catalog NOT IN ({', '.join(map(str, hidden))})"] if hidden else []
        self._where = " AND ".join([*(each.sql for each in conditions), *gone])
        self._parameters = tuple(each for one in conditions for each in one.parameters)
        self._counted: int | None = None
        self._match = " ".join(self._term(word) for word in words)

    def _term(self, word: str) -> str:
        """Return what to match: the word alone where it is common, else whatever begins so."""
        row = self._do("SELECT doc FROM terms WHERE term = ?", (word,)).fetchone()
        if row is None or row[0] <= _RARE:
            return begins(word)
        self._counted = row[0]
        return f'"{word}"'

    def _count(self) -> int:
        """Return how many entries have all words; where these are too many, only that."""
        if self._counted is not None and len(self._words) == 1:
            return self._counted  # to look that up has gone through all that have it, once is enough
        query = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)"
        count: int = self._do(query, (self._match, _COMMON + 1)).fetchone()[0]
        return count

    def hits(self) -> Iterator[tuple[int, int]]:
        """Yield (key, card) in order; a card may come several times."""
        if not self._words:
            yield from self._walk("", ())
            return
        count = self._count()
        if count <= _RARE:
            yield from self._ranked()
            return
        if self._sort == "match":
            yield from self._named_so()
        if count <= _COMMON:
            yield from self._walk("e.key IN (SELECT rowid FROM words WHERE words MATCH ?)", (self._match,))
        else:
            has = "EXISTS (SELECT 1 FROM words WHERE words MATCH ? AND rowid = e.key)"
            yield from self._walk(has, (self._match,))

    def _and(self, *others: str) -> str:
        return " AND ".join(each for each in (self._where, *others) if each) or "1"

    def _walk(self, has: str, parameters: tuple[str, ...]) -> Iterator[tuple[int, int]]:
        column = _COLUMNS.get(self._sort, "downloads" if self._sort == "match" else self._sort)
        walked = f"INDEXED BY entries_by_{column}" if column in SORTED else ""
        order = {"size": "e.parameters IS NULL, e.parameters", "name": "e.identity"}.get(column, f"e.{column} DESC")
        query = f"SELECT e.key, e.card FROM entries e {walked} WHERE {self._and(has)} ORDER BY {order}"  # noqa: S608
        yield from self._do(query, (*self._parameters, *parameters))

    def _named_so(self) -> Iterator[tuple[int, int]]:
        query = f"SELECT e.key, e.card FROM entries e WHERE {self._and('e.identity = ?')} ORDER BY e.downloads DESC"  # noqa: S608
        yield from self._do(query, (*self._parameters, "-".join(self._words)))

    def _ranked(self) -> Iterator[tuple[int, int]]:
        # CROSS JOIN keeps SQLite from asking the index of words for each entry.
        query = f"""
        SELECT e.key, e.card, e.identity, e.downloads, e.likes, e.trending, e.created, e.updated, e.parameters,
        bm25(words, {_TITLE_WEIGHT}, {_ABOUT_WEIGHT}) FROM words CROSS JOIN entries e ON e.key = words.rowid
        WHERE words MATCH ? AND {self._and()}
        """  # noqa: S608  constants, and conditions of ours
        rows = [_Row(*row) for row in self._do(query, (self._match, *self._parameters))]
        for row in sorted(rows, key=self._order):
            yield row.key, row.card

    def _order(self, row: _Row) -> tuple[float | str, ...]:
        match self._sort:
            case "name":
                return row.identity, row.key
            case "size":
                return row.parameters is None, row.parameters or 0
            case "match":
                return -self._score(row), row.key
        return -getattr(row, _COLUMNS.get(self._sort, self._sort)), row.key

    def _score(self, row: _Row) -> float:
        # bm25 is negative, and the more so the better.
        named = "-".join(self._words)
        exactly = _EXACTLY if row.identity == named else 0.0
        begins = _BEGINS if row.identity.startswith(named) else 1.0
        return exactly - row.rank * begins * (1 + _POPULAR * math.log10(1 + row.downloads))


class _Row(NamedTuple):
    key: int
    card: int
    identity: str
    downloads: int
    likes: int
    trending: float
    created: int
    updated: int
    parameters: int | None
    rank: float
