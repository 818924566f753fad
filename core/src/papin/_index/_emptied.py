"""Which word or filter of a search is why nothing was found."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from papin._index._conditions import Condition

__all__ = ["begins", "emptied_by"]

_HAS = "key IN (SELECT rowid FROM words WHERE words MATCH ?)"


def begins(word: str) -> str:
    """Return what to match for a word; a single letter or digit begins too much."""
    return f'"{word}"*' if len(word) > 1 else f'"{word}"'


def emptied_by(
    connection: sqlite3.Connection, words: Sequence[str], conditions: Sequence[Condition]
) -> tuple[str, ...]:
    """Return the words and filters without any one of which something is found, by one look at all entries.

    Whether an entry has a word is asked only where it meets all filters but one.
    """
    names = [*(str(each.meant) for each in conditions), *words]
    met = [f"f{number}" for number in range(len(conditions))]
    had = [f"w{number}" for number in range(len(words))]
    filters = ", ".join(f"coalesce(({each.sql}) <> 0, 0) AS {name}" for each, name in zip(conditions, met, strict=True))
    has = ", ".join(f"{_HAS} AS {name}" for name in had)
    nearly = f"{' + '.join(met) or 0} >= {len(met) - 1}"
    # An entry that misses one filter meets all of one half or of the other: most are left at the first of each.
    middle = len(conditions) // 2
    halves = [_all_of(half) for half in (conditions[:middle], conditions[middle:])]
    either = " OR ".join(f"({sql})" for sql, _ in halves) if middle else "1"
    of_filters = f"SELECT {', '.join(['e.key AS key', *([filters] if met else [])])} FROM entries e WHERE {either}"  # noqa: S608  our own names, here and below
    of_words = f"SELECT {', '.join([*met, *([has] if had else [])])} FROM ({of_filters}) WHERE {nearly}"  # noqa: S608
    failed = " ".join(f"WHEN NOT {name} THEN {number}" for number, name in enumerate((*met, *had)))
    query = f"SELECT DISTINCT CASE {failed} END FROM ({of_words}) WHERE {' + '.join((*met, *had))} = {len(names) - 1}"  # noqa: S608
    parameters = [each for condition in conditions for each in condition.parameters]
    parameters += [each for _, given in halves for each in given] if middle else []
    # The parameters of words come first: they stand before those of the filters in the text.
    alone = {number for (number,) in connection.execute(query, (*map(begins, words), *parameters))} if names else set()
    # As they were typed: words first.
    order = [*range(len(met), len(names)), *range(len(met))]
    return tuple(names[number] for number in order if number in alone)


def _all_of(conditions: Sequence[Condition]) -> tuple[str, list[float | int]]:
    """Return a condition that all hold, and its parameters; members that a set must have are asked for at once."""
    masks: dict[str, int] = {}
    parts: list[str] = []
    parameters: list[float | int] = []
    for each in conditions:
        mask = each.parameters[0] if each.sql.endswith(" & ?") else 0
        if isinstance(mask, int) and mask and mask & (mask - 1) == 0:
            masks[each.sql] = masks.get(each.sql, 0) | mask
        else:
            parts.append(f"({each.sql})")
            parameters += each.parameters
    parts += [f"({sql}) = ?" for sql in masks]
    return " AND ".join(parts), [*parameters, *(each for mask in masks.values() for each in (mask, mask))]
