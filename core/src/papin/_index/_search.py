"""Searching: words and conditions to the keys of entries, one for each card, in order.

Which entries may be found is known as sets of bits: those of the filters stand in `_postings`, those of a word come
from the index of words, unless so many have it that looking into an entry is quicker. What a set leaves is sorted, all
of it, where it is little. Else the index of the wanted order is walked until there are enough, which is soon, since
there is much.

The order of matches, where no other is asked for: what is called just so; what has all words in its name; the rest. Of
these, what is on this machine, what fits on it, what nobody knows it of, what does not; then by downloads.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain, islice
from typing import NamedTuple

import msgspec

from papin._index._conditions import Condition, Here, condition
from papin._index._facets import known
from papin._index._identity import plain_name
from papin._index._installed import Owned
from papin._index._instead import instead
from papin._index._postings import MAGNITUDES, bits_of_keys, keys_of, magnitude, members, sampled
from papin._index._spelling import Word, folded, mend, mended_further, tokens, word_of
from papin.query import Query

__all__ = ["Hits", "search"]

_MANY = 6000  # who have a word, where an entry is looked into instead of fetching them
_OFTEN = 5  # as above, of `_SOME` of those who may be hits
_SOME = 64
_HARDLY = 300  # who may be hits, where each is looked into instead of finding out how many have a word
_FEW = 1000  # who are sorted, all of them
_FEW_HERE = 300  # models on this machine, whose entries are found sooner than hits are asked whether they are here
_POPULAR = 1000  # hits that are asked, since who has many models has many of the popular ones
_SAMPLE = 100  # of which it is told what values there are
_BATCH = 64  # who are looked at together on a walk
_TITLE = ("title",)
_ALL = ("title", "about")
_COLUMNS = {"match": "downloads", "new": "created", "name": "identity", "size": "parameters"}
# Last, of what nobody tells downloads of: who tells their size, and the shorter name, which says nothing else.
_PREFERRED = """
e.key IN (SELECT value FROM json_each(?)) DESC, CASE WHEN e.need IS NULL THEN 1 ELSE 2 * (e.need > ?) END,
e.downloads DESC, e.size IS NULL, length(e.name), e.key
"""
_ORDERS = {"identity": "e.identity", "parameters": "e.parameters IS NULL, e.parameters"}
_STEP = 1000  # the first of a walk; twice as many the next time
_decoded = msgspec.json.Decoder(list[int]).decode


class Hits(NamedTuple):
    """The keys of the entries that stand for the cards, in order; and the query as it was understood."""

    keys: tuple[int, ...]
    more: bool
    meant: Query
    emptied_by: tuple[str, ...] = ()
    instead: Mapping[str, tuple[str, ...]] = {}


class _Part(NamedTuple):
    """A word or a condition, and which entries may meet it."""

    shown: str
    of: Word | Condition
    may: int = -1


class _Set(NamedTuple):
    """Entries that may be hits, and the columns of words to look into whether one is; none, where that is known."""

    bits: int
    look: Collection[str] = ()


def search(connection: sqlite3.Connection, query: Query, limit: int, here: Here, owned: Owned) -> Hits:
    """Return at most `limit` hits; `owned` tells what is on this machine.

    Raises:
        NotFound: a filter names a provider that is not here.
    """
    typed = {word.typed: _Part(word.typed, word) for word in (mend(connection, each) for each in tokens(query.words))}
    words = [*typed]
    conditions = [condition(connection, each, here) for each in query.filters]
    meant = msgspec.structs.replace(query, words=tuple(words), filters=tuple(each.meant for each in conditions))
    place = _Place(connection, here, owned)
    filters = [_Part(str(each.meant), each, place.members(each.column, each.numbers)) for each in conditions]
    for tried in chain([words], mended_further(connection, words)):
        asked = [*(typed.get(word) or _Part(word, word_of(connection, word)) for word in tried), *filters]
        called = query.words if tried == tokens(query.words) else tried
        keys = _first(_Asked(place, asked, query.sort, called).hits(), limit + 1)
        if keys:
            meant = msgspec.structs.replace(meant, words=tuple(tried))
            return Hits(tuple(keys[:limit]), len(keys) > limit, meant)
    return _nothing(place, [*(typed[word] for word in words), *filters], meant)


def _nothing(place: _Place, parts: Sequence[_Part], meant: Query) -> Hits:
    """Tell which parts are, each by itself, why nothing is found, and what could stand in their places."""
    emptied_by: list[str] = []
    instead: dict[str, tuple[str, ...]] = {}
    for number, part in enumerate(parts):
        rest = [*parts[:number], *parts[number + 1 :]]
        if not _Asked(place, rest, "downloads").finds():
            continue
        emptied_by.append(part.shown)
        if isinstance(part.of, Condition) and (found := place.instead(part.of, rest)):
            instead[part.shown] = found
    return Hits((), more=False, meant=meant, emptied_by=tuple(emptied_by), instead=instead)


def _first(rows: Iterator[tuple[int, int]], limit: int) -> list[int]:
    """Return the keys of the first entries of `limit` cards."""
    seen: dict[int, int] = {}
    for key, card in rows:
        seen.setdefault(card, key)
        if len(seen) >= limit:
            break
    return list(seen.values())


class _Place:
    """Where it is searched, and what is found out once for all questions."""

    def __init__(self, connection: sqlite3.Connection, here: Here, owned: Owned) -> None:
        self.connection = connection
        self.most = here.room.most
        self._here = here
        self.owned = owned
        self._matching: dict[str, int | None] = {}
        self._members: dict[tuple[str, tuple[int, ...]], int] = {}

    def members(self, column: str, numbers: Collection[int]) -> int:
        """Return who has one of `numbers` in `column`."""
        asked = (column, tuple(numbers))
        if asked not in self._members:
            self._members[asked] = members(self.connection, column, numbers)
        return self._members[asked]

    @cached_property
    def there(self) -> int:
        """All entries of the catalogs that are here."""
        numbers, here = known(self.connection, "catalog"), self._here.catalogs
        return self.members("catalog", [number for name, number in numbers.items() if here is None or name in here])

    @cached_property
    def last(self) -> int:
        """The highest key of an entry."""
        return int(self.connection.execute("SELECT coalesce(max(key), 0) FROM entries").fetchone()[0])

    def instead(self, failed: Condition, rest: Sequence[_Part]) -> tuple[str, ...]:
        """Return what finds something with the rest in the place of a condition."""

        def keys(within: int) -> list[int]:
            return _first(_Asked(self, rest, "downloads", within=within).hits(), _SAMPLE)

        return instead(self.connection, failed, self._here, keys)

    def by_fit(self) -> Iterator[tuple[int, str]]:
        """Yield who may fit here, of whom nobody knows it, who may not fit; and the condition that decides."""
        top = magnitude(self.most)
        fits = self.members("need", range(top + 1))
        yield fits, f"e.need <= {self.most}"
        not_so = self.members("need", range(top, MAGNITUDES))
        yield self.there & ~(fits | not_so), "e.need IS NULL"
        yield not_so, f"e.need > {self.most}"

    def matching(self, match: str) -> int | None:
        """Return who matches; None where these are too many."""
        if match not in self._matching:
            # Together, since to take ten thousand rows one by one is most of the time.
            query = "SELECT json_group_array(key) FROM (SELECT rowid key FROM words WHERE words MATCH ? LIMIT ?)"
            (told,) = self.connection.execute(query, (match, _MANY + 1)).fetchone()
            keys = _decoded(told)
            self._matching[match] = None if len(keys) > _MANY else bits_of_keys(keys)
        return self._matching[match]


class _Asked:
    """One question to the index."""

    def __init__(
        self, place: _Place, parts: Sequence[_Part], sort: str, called: Sequence[str] = (), within: int = -1
    ) -> None:
        self._place = place
        self._do = place.connection.execute
        self._words = [each.of for each in parts if isinstance(each.of, Word)]
        conditions = [each.of for each in parts if isinstance(each.of, Condition)]
        self._sort = sort or ("match" if self._words else "downloads")
        self._where = [each.sql for each in conditions]
        self._parameters = tuple(each for one in conditions for each in one.parameters)
        self._match = " AND ".join(word.match for word in self._words)
        self._called = called
        self._may = place.there & within
        for each in parts:
            self._may &= each.may

    def hits(self) -> Iterator[tuple[int, int]]:
        """Yield (key, card) in order; a card, and an entry, may come several times."""
        if not self._may:
            return
        if not self._words:
            yield from self._in_order(_Set(self._may))
        elif self._sort != "match":
            yield from self._in_order(self._having(_ALL, self._may))
        else:
            yield from self._preferred(_Set(self._named_so()))
            often = len(self._words) == 1 and self._most_have(_TITLE, self._may)
            if often:
                yield from self._preferred(_Set(self._may, _TITLE))
            having = self._having(_ALL, self._may)
            if not often:
                yield from self._preferred(self._having(_TITLE, having.bits))
            yield from self._preferred(having)

    def finds(self) -> bool:
        """Tell whether there is any hit."""
        if not self._words or self._may.bit_count() <= _HARDLY:
            return next(self.hits(), None) is not None
        having = self._do("SELECT rowid FROM words WHERE words MATCH ?", (self._match,))
        wanted = (key for (key,) in having if self._may >> key & 1)
        return any(any(True for _ in self._rows(batch, ())) for batch in iter(lambda: [*islice(wanted, _BATCH)], []))

    def _named_so(self) -> int:
        typed = "-".join(word.typed for word in self._words)
        plain = {typed, plain_name(" ".join(self._called))}
        names = {typed, "/".join(self._called)}
        query = "SELECT key FROM entries WHERE identity IN (SELECT value FROM json_each(?))"
        found = bits_of_keys([key for (key,) in self._do(query, (json.dumps([*plain - {""}]),))])
        query = "SELECT key FROM entries WHERE lower(name) IN (SELECT lower(value) FROM json_each(?))"
        return self._may & (found | bits_of_keys([key for (key,) in self._do(query, (json.dumps([*names]),))]))

    def _having(self, columns: Sequence[str], bits: int) -> _Set:
        """Return those of some that have all words in these columns together."""
        if bits.bit_count() > _HARDLY and not self._most_have(columns, bits):  # else to look into each is quicker
            found = self._place.matching(self._match if columns == _ALL else f"{{title}} : ({self._match})")
            if found is not None:
                return _Set(bits & found)
        return _Set(bits, columns)

    def _most_have(self, columns: Sequence[str], bits: int) -> bool:
        """Tell whether, by a sample, so many have the words in these columns that they are too many to fetch."""
        if columns == _ALL and len(self._words) > 1:  # what has several is hardly ever so much
            return False
        some = [(key, key) for key in sampled(bits, _SOME)]
        return sum(1 for _ in self._looked_at(some, columns)) >= _OFTEN

    def _preferred(self, some: _Set) -> Iterator[tuple[int, int]]:
        """Yield what is here before what fits, and what fits before the rest."""
        if not some.bits:
            return
        if some.bits.bit_count() <= _FEW:
            here = json.dumps([*keys_of(self._place.owned.among(some.bits))])
            yield from self._sorted(some, _PREFERRED, here, self._place.most)
            return
        if self._place.owned.how_many > _FEW_HERE:
            yield from self._owned(islice(self._in_order(some), _POPULAR))
        yield from self._in_order(some._replace(bits=self._place.owned.among(some.bits)))
        for bits, fit in self._place.by_fit():
            yield from self._in_order(some._replace(bits=some.bits & bits), fit)

    def _owned(self, rows: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        while some := [*islice(rows, _BATCH)]:
            here = self._place.owned.cards({card for _, card in some})
            yield from (row for row in some if row[1] in here)

    def _in_order(self, some: _Set, *others: str) -> Iterator[tuple[int, int]]:
        if not some.bits:
            return
        column = _COLUMNS.get(self._sort, self._sort)
        order = _ORDERS.get(column, f"e.{column} DESC")
        if some.bits.bit_count() <= _FEW:
            yield from self._sorted(some, order, others=others)
            return
        digits = f"{some.bits:0{self._place.last + 1}b}"
        for keys in self._walked(f"SELECT e.key FROM entries e INDEXED BY entries_by_{column} ORDER BY {order}"):  # noqa: S608
            wanted = [key for key in keys if digits[~key] == "1"]
            for first in range(0, len(wanted), _BATCH):
                yield from self._looked_at(self._rows(wanted[first : first + _BATCH], others), some.look)

    def _walked(self, query: str) -> Iterator[list[int]]:
        """Yield the keys that a query finds, in its order, some together as in `matching`."""
        offset, count = 0, _STEP
        while True:
            together = f"SELECT json_group_array(key) FROM ({query} LIMIT ? OFFSET ?)"  # noqa: S608  queries of ours
            keys = _decoded(self._do(together, (count, offset)).fetchone()[0])
            yield keys
            if len(keys) < count:
                return
            offset, count = offset + count, 2 * count

    def _sorted(
        self, some: _Set, order: str, *order_by: str | int, others: Sequence[str] = ()
    ) -> Iterator[tuple[int, int]]:
        yield from self._looked_at(self._rows([*keys_of(some.bits)], others, order, order_by), some.look)

    def _rows(
        self, keys: Sequence[int], others: Sequence[str], order: str = "few.key", order_by: Sequence[str | int] = ()
    ) -> Iterable[tuple[int, int]]:
        """Return those of `keys` that meet the conditions, in their order or another."""
        where = " AND ".join([*self._where, *others]) or "1"
        query = f"""
        SELECT e.key, e.card FROM json_each(?) few CROSS JOIN entries e ON e.key = few.value
        WHERE {where} ORDER BY {order}
        """  # noqa: S608  constants, and conditions of ours
        return self._do(query, (json.dumps(keys), *self._parameters, *order_by))

    def _looked_at(self, rows: Iterable[tuple[int, int]], columns: Collection[str]) -> Iterator[tuple[int, int]]:
        if not columns:
            yield from rows
            return
        # To ask the index of words for some entries is to look through what it has of all.
        text = " || ' ' || ".join(columns)
        query = f"SELECT key, {text} FROM details WHERE key IN (SELECT value FROM json_each(?))"  # noqa: S608  constants
        left = iter(rows)
        while some := [*islice(left, _BATCH)]:
            texts = dict(self._do(query, (json.dumps([key for key, _ in some]),)))
            yield from (row for row in some if self._has_words(folded(texts[row[0]])))

    def _has_words(self, text: str) -> bool:
        return all(any(map(text.__contains__, begins)) and find(text) for begins, find in self._looks)

    @cached_property
    def _looks(self) -> list[_Look]:
        return [_look(word) for word in self._words]


class _Look(NamedTuple):
    """What finds a word in a text that is folded, as the index would: nothing without any of `begins` in it."""

    begins: tuple[str, ...]
    find: Callable[[str], re.Match[str] | None]


def _look(word: Word) -> _Look:
    begins = word.terms or (word.typed,)
    either = "|".join(map(re.escape, begins))
    pattern = rf"(?<![^\W_])(?:{either})" + (r"(?![^\W_])" if word.terms else "")
    return _Look(begins, re.compile(pattern).search)
