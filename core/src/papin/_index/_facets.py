"""Texts that repeat, as numbers; sets of them, as bits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from functools import partial

__all__ = ["BITS", "Facets", "known"]

BITS = 62
"""How many members a set may have in all entries together; what comes later cannot be filtered by."""


def known(connection: sqlite3.Connection, facet: str) -> dict[str, int]:
    """Return the values of a facet with their numbers; those of a set are bit numbers."""
    rows: Iterable[tuple[str, int]] = connection.execute("SELECT value, number FROM facets WHERE facet = ?", (facet,))
    return dict(rows)


class _Numbers(dict[str, int]):
    """The values of a facet with their numbers: what is new gets the next one."""

    def __init__(self, connection: sqlite3.Connection, facet: str) -> None:
        super().__init__(known(connection, facet))
        self._add = partial(connection.execute, "INSERT INTO facets VALUES (?, ?, ?)")
        self._facet = facet

    def __missing__(self, value: str) -> int:
        self[value] = number = len(self)
        self._add((self._facet, value, number))
        return number


class Facets(dict[str, _Numbers]):
    """The numbers of one transaction that writes, by facet and value: what is new gets the next number."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__()
        self._connection = connection
        self._masks: dict[tuple[str, tuple[str, ...]], int] = {}

    def __missing__(self, facet: str) -> _Numbers:
        self[facet] = numbers = _Numbers(self._connection, facet)
        return numbers

    def mask(self, facet: str, values: tuple[str, ...]) -> int:
        """Return a set of values as bits."""
        mask = self._masks.get((facet, values))
        if mask is None:
            mask, numbers = 0, self[facet]
            for value in values:
                if value in numbers or len(numbers) < BITS:
                    mask |= 1 << numbers[value]
            self._masks[facet, values] = mask
        return mask


def names_of(mask: int, numbers: Mapping[str, int]) -> tuple[str, ...]:
    """Return the members of a set."""
    return tuple(value for value, number in numbers.items() if mask >> number & 1)
