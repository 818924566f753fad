"""Words that nobody uses, mended to the nearest one that is used."""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

__all__ = ["Word", "distance", "folded", "mend", "mended_further", "tokens", "word_of"]

_SHORT = 3  # what is shorter is near to everything
_LONG = 5  # from here on two mistakes are forgiven
_HARDLY = 3  # what so few have may be a mistake of theirs, or of who types it
_COMMON = 1500  # what is used more is meant by itself
_TERMS = 8  # to match so many is quicker than to match whatever begins so
_AFTER_ALL = "\U0010ffff"


def tokens(words: Iterable[str]) -> list[str]:
    """Return the words of the index that `words` consist of, folded as its tokenizer folds them.

    That is SQLite's unicode61: lower case, and no marks on Latin letters; other scripts stay as they are.
    """
    return [token for word in words for token in re.findall(r"[^\W_]+", folded(word))]


def folded(word: str) -> str:
    """Return a text in the letters of the index: lower case, no marks on Latin letters."""
    if word.isascii():
        return word.lower()
    apart = unicodedata.normalize("NFD", word.lower())
    return unicodedata.normalize("NFC", re.sub(r"(?<=[a-z])[\u0300-\u036f]+", "", apart))


def mend(connection: sqlite3.Connection, token: str) -> Word:
    """Return what to match for `token` if a word begins so, else for the nearest word, the commonest of several.

    Where none is near it is matched as it is.
    """
    word = word_of(connection, token)
    if len(token) < _SHORT or word.terms != (token,) or _have(connection, word.match, 1):
        return word
    nearest = _nearest(connection, token)
    return word if nearest is None else word_of(connection, nearest)


def mended_further(connection: sqlite3.Connection, words: Sequence[str]) -> Iterator[list[str]]:
    """Yield `words` with one that hardly any entry has replaced by the nearest: for when they find nothing."""
    for number, word in enumerate(words):
        if len(words) == 1 or len(word) < _SHORT or word.isdigit():
            continue
        if any(_have(connection, match, _HARDLY + 1) for match in (f'"{word}"', f'"{word}"*')):
            continue
        other = _nearest(connection, word)
        if other is not None:
            yield [*words[:number], other, *words[number + 1 :]]


def _nearest(connection: sqlite3.Connection, token: str) -> str | None:
    """Return the nearest other word, the commonest of several; None if none is near."""
    most = 1 if len(token) < _LONG else 2
    best: tuple[int, int, str] | None = None
    # The first letter is rarely wrong, and then it is that of the second place.
    for first in dict.fromkeys(token[:2]):
        query = "SELECT term, doc FROM terms WHERE term >= ? AND term < ? AND length(term) BETWEEN ? AND ?"
        bounds = (first, first + _AFTER_ALL, len(token) - most, len(token) + most)
        for term, count in connection.execute(query, bounds):
            limit = most if best is None else best[0]
            if term != token and (far := distance(token, term, limit)) <= limit:
                best = min(best or (most + 1, 0, ""), (far, -count, term))
    return best[2] if best is not None else None


class Word(NamedTuple):
    """A word, what to match for it, and the terms that this matches: none, where it is whatever begins so, and much."""

    typed: str
    match: str
    terms: tuple[str, ...]


def word_of(connection: sqlite3.Connection, word: str) -> Word:
    """Return what to match for a word: it alone where it is common or a single letter, else whatever begins so."""
    alone = f'"{word}"'
    if len(word) == 1 or _have(connection, alone, _COMMON):
        return Word(word, alone, (word,))
    # To look at a term of `terms` is to go through all that have it.
    query = "SELECT term FROM terms WHERE term >= ? AND term < ? LIMIT ?"
    begun = tuple(term for (term,) in connection.execute(query, (word, word + _AFTER_ALL, _TERMS + 1)))
    if not begun:
        return Word(word, alone, (word,))
    if len(begun) > _TERMS:
        return Word(word, f"{alone}*", ())
    either = " OR ".join(f'"{term}"' for term in begun)
    return Word(word, f"({either})", begun)


def _have(connection: sqlite3.Connection, match: str, many: int) -> bool:
    """Tell whether so many entries have what is to match."""
    query = "SELECT 1 FROM words WHERE words MATCH ? LIMIT 1 OFFSET ?"
    return connection.execute(query, (match, many - 1)).fetchone() is not None


def distance(one: str, other: str, most: int) -> int:
    """Return how many letters are missing, surplus, other or swapped with their neighbour; more than `most` is cut off.

    This is the optimal string alignment distance.
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        here = [row]
        for column, counter in enumerate(other, 1):
            cost = min(last[column] + 1, here[-1] + 1, last[column - 1] + (letter != counter))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == counter:
                cost = min(cost, before[column - 2] + 1)
            here.append(cost)
        if min(here) > most:
            return most + 1
        before, last = last, here
    return last[-1]
