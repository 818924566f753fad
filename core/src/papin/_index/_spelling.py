"""Words that nobody uses, mended to the nearest one that is used."""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Iterable

__all__ = ["distance", "mend", "tokens"]

_SHORT = 3  # what is shorter is near to everything
_LONG = 5  # from here on two mistakes are forgiven
_AFTER_ALL = "\U0010ffff"


def tokens(words: Iterable[str]) -> list[str]:
    """Return the words of the index that `words` consist of, folded as its tokenizer folds them.

    That is SQLite's unicode61: lower case, and no marks on Latin letters; other scripts stay as they are.
    """
    return [token for word in words for token in re.findall(r"[^\W_]+", _folded(word))]


def _folded(word: str) -> str:
    apart = unicodedata.normalize("NFD", word.lower())
    return unicodedata.normalize("NFC", re.sub(r"(?<=[a-z])[\u0300-\u036f]+", "", apart))


def mend(connection: sqlite3.Connection, token: str) -> str:
    """Return `token` if a word begins so, else the nearest word, the commonest of several; itself if none is near."""
    query = "SELECT 1 FROM terms WHERE term >= ? AND term < ? LIMIT 1"
    if len(token) < _SHORT or connection.execute(query, (token, token + _AFTER_ALL)).fetchone():
        return token
    most = 1 if len(token) < _LONG else 2
    best: tuple[int, int, str] | None = None
    # The first letter is rarely wrong, and then it is that of the second place.
    for first in dict.fromkeys(token[:2]):
        query = "SELECT term, doc FROM terms WHERE term >= ? AND term < ? AND length(term) BETWEEN ? AND ?"
        bounds = (first, first + _AFTER_ALL, len(token) - most, len(token) + most)
        for term, count in connection.execute(query, bounds):
            limit = most if best is None else best[0]
            if (far := distance(token, term, limit)) <= limit:
                best = min(best or (most + 1, 0, ""), (far, -count, term))
    return best[2] if best is not None else token


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
