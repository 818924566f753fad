"""Searching: words and conditions to the keys of entries, one for each card, in order.

What the sets of `_postings` leave is looked at one by one where it is little. Else the index of the wanted order is
walked until there are enough, which is soon, since there is much. How a word is looked for depends on how common it is:
the entries of a rare one are ranked, all of them; those of a common one are so many that the best are the popular ones.
Whether an entry has the word is then looked up in the set of all that have it, or where many have in the entry itself.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import msgspec

from papin._index._conditions import Condition, Here, condition
from papin._index._facets import known
from papin._index._postings import keys_of, members
from papin._index._spelling import Word, folded, mend, mended_further, tokens, word_of
from papin.query import Query

__all__ = ["Hits", "search"]

_RARE = 1500
_COMMON = 10_000
_FEW = 300
_ALL = -1  # all keys there ever may be, as a set of bits
_COLUMNS = {"match": "downloads", "new": "created", "name": "identity"}
_TITLE_WEIGHT, _ABOUT_WEIGHT = 8.0, 1.0
_POPULAR = 0.15
_EXACTLY = 1000.0
_BEGINS = 1.5
_KNOWN = 1.25


class Hits(NamedTuple):
    """The keys of the entries that stand for the cards, in order; and the query as it was understood."""

    keys: tuple[int, ...]
    more: bool
    meant: Query
    emptied_by: tuple[str, ...] = ()


class _Part(NamedTuple):
    """A word or a condition, and which entries may meet it."""

    shown: str
    of: Word | Condition
    may: int = _ALL


def search(connection: sqlite3.Connection, query: Query, limit: int, here: Here) -> Hits:
    """Return at most `limit` hits.

    Raises:
        NotFound: a filter names a provider that is not here.
    """
    typed = {word.typed: _Part(word.typed, word) for word in (mend(connection, each) for each in tokens(query.words))}
    words = [*typed]
    conditions = [condition(connection, each, here) for each in query.filters]
    meant = msgspec.structs.replace(query, words=tuple(words), filters=tuple(each.meant for each in conditions))
    hidden = _gone(connection, here)
    filters = [_Part(str(each.meant), each, members(connection, each.column, each.numbers)) for each in conditions]
    for tried in chain([words], mended_further(connection, words)):
        asked = [*(typed.get(word) or _Part(word, word_of(connection, word)) for word in tried), *filters]
        keys = _first(_Asked(connection, asked, query.sort, hidden).hits(), limit + 1)
        if keys:
            meant = msgspec.structs.replace(meant, words=tuple(tried))
            return Hits(tuple(keys[:limit]), len(keys) > limit, meant)
    parts = [*(typed[word] for word in words), *filters]
    without = (([*parts[:number], *parts[number + 1 :]], each.shown) for number, each in enumerate(parts))
    alone = tuple(shown for rest, shown in without if _Asked(connection, rest, "downloads", hidden).finds())
    return Hits((), more=False, meant=meant, emptied_by=alone)


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
        self, connection: sqlite3.Connection, parts: Sequence[_Part], sort: str, hidden: Sequence[int]
    ) -> None:
        self._do = connection.execute
        self._words = [each.of for each in parts if isinstance(each.of, Word)]
        conditions = [each.of for each in parts if isinstance(each.of, Condition)]
        self._sort = sort or ("match" if self._words else "downloads")
        gone = [f"e.catalog NOT IN ({', '.join(map(str, hidden))})"] if hidden else []
        self._where = " AND ".join([*(each.sql for each in conditions), *gone])
        self._parameters = tuple(each for one in conditions for each in one.parameters)
        self._named = "-".join(word.typed for word in self._words)
        self._match = " AND ".join(word.match for word in self._words)
        self._may = _ALL
        for each in parts:
            self._may &= each.may
        if hidden and self._may:
            self._may &= ~members(connection, "catalog", hidden)
        self._few = self._may >= 0 and self._may.bit_count() <= _FEW

    def _count(self) -> int:
        """Return how many entries have all words; where these are too many, only that."""
        query = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)"
        count: int = self._do(query, (self._match, max(_RARE, _COMMON) + 1)).fetchone()[0]
        return count

    def finds(self) -> bool:
        """Tell whether there is any hit."""
        if not self._words or not self._may or self._few:
            return next(self.hits(), None) is not None
        joined = f"CROSS JOIN entries e ON e.key = words.rowid WHERE words MATCH ? AND {self._and()}"
        if not self._where:
            joined = "WHERE words MATCH ?"
        query = f"SELECT 1 FROM words {joined} LIMIT 1"  # noqa: S608  constants, and conditions of ours
        return self._do(query, (self._match, *self._parameters)).fetchone() is not None

    def hits(self) -> Iterator[tuple[int, int]]:
        """Yield (key, card) in order; a card may come several times."""
        if not self._may:
            return
        if not self._words:
            yield from self._walk()
            return
        count = self._count()
        if not count:
            return
        if count <= _RARE:
            yield from self._ranked()
            return
        if self._sort == "match":
            yield from self._named_so()
        if count > _COMMON and all(word.terms for word in self._words):
            yield from (row for row in self._walk() if self._has_words(row[0]))
        else:
            yield from self._walk("e.key IN (SELECT rowid FROM words WHERE words MATCH ?)", self._match)

    def _has_words(self, key: int) -> bool:
        # To ask the index of words for one entry is to look through what it has of all.
        text = folded(" ".join(self._do("SELECT title, about FROM details WHERE key = ?", (key,)).fetchone()))
        if not all(any(term in text for term in word.terms) for word in self._words):
            return False
        told = set(tokens([text]))
        return all(not told.isdisjoint(word.terms) for word in self._words)

    def _and(self, *others: str) -> str:
        return " AND ".join(each for each in (self._where, *others) if each) or "1"

    def _walk(self, has: str = "", *parameters: str) -> Iterator[tuple[int, int]]:
        column = _COLUMNS.get(self._sort, self._sort)
        walked = f"entries e INDEXED BY entries_by_{column}" if column != "size" else "entries e"
        few: tuple[str, ...] = ()
        if self._few:
            walked = "json_each(?) few CROSS JOIN entries e ON e.key = few.value"
            few = (json.dumps(keys_of(self._may)),)
        order = {"size": "e.parameters IS NULL, e.parameters", "identity": "e.identity"}.get(column, f"e.{column} DESC")
        query = f"SELECT e.key, e.card FROM {walked} WHERE {self._and(has)} ORDER BY {order}"  # noqa: S608
        yield from self._do(query, (*few, *self._parameters, *parameters))

    def _named_so(self) -> Iterator[tuple[int, int]]:
        query = f"SELECT e.key, e.card FROM entries e WHERE {self._and('e.identity = ?')} ORDER BY e.downloads DESC"  # noqa: S608
        yield from self._do(query, (*self._parameters, self._named))

    def _ranked(self) -> Iterator[tuple[int, int]]:
        # CROSS JOIN keeps SQLite from asking the index of words for each entry.
        query = f"""
        SELECT e.key, e.card, e.name, e.identity, e.downloads, e.likes, e.trending, e.created, e.updated,
        e.parameters, e.size, bm25(words, {_TITLE_WEIGHT}, {_ABOUT_WEIGHT})
        FROM words CROSS JOIN entries e ON e.key = words.rowid WHERE words MATCH ? AND {self._and()}
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
        exactly = _EXACTLY if self._named in (row.identity, row.name.lower()) else 0.0
        begins = _BEGINS if row.identity.startswith(self._named) else 1.0
        # Of two whose words match alike, the one whose size is told and not guessed is the better answer.
        known = 1.0 if row.size is None else _KNOWN
        return exactly - row.rank * begins * known * (1 + _POPULAR * math.log10(1 + row.downloads))


class _Row(NamedTuple):
    key: int
    card: int
    name: str
    identity: str
    downloads: int
    likes: int
    trending: float
    created: int
    updated: int
    parameters: int | None
    size: int | None
    rank: float
