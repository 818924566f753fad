"""Texts that repeat, as numbers; sets of them, as bits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

__all__ = ["BITS", "Facets", "known"]

BITS = 62
"""How many members a set may have in all entries together; what comes later cannot be filtered by."""


def known(connection: sqlite3.Connection, facet: str) -> dict[str, int]:
    """Return the values of a facet with their numbers; those of a set are bit numbers."""
    rows: Iterable[tuple[str, int]] = connection.execute("SELECT value, number FROM facets WHERE facet = ?", (facet,))
    return dict(rows)


class Facets:
    """The numbers of one transaction that writes: what is new gets the next number."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[str, dict[str, int]] = {}

    def number(self, facet: str, value: str) -> int:
        """Return the number of a value."""
        numbers = self._of(facet)
        if value not in numbers:
            numbers[value] = len(numbers)
            self._connection.execute("INSERT INTO facets VALUES (?, ?, ?)", (facet, value, numbers[value]))
        return numbers[value]

    def mask(self, facet: str, values: Iterable[str]) -> int:
        """Return a set of values as bits."""
        mask = 0
        for value in values:
            if value in self._of(facet) or len(self._of(facet)) < BITS:
                mask |= 1 << self.number(facet, value)
        return mask

    def _of(self, facet: str) -> dict[str, int]:
        if facet not in self._known:
            self._known[facet] = known(self._connection, facet)
        return self._known[facet]


def names_of(mask: int, numbers: Mapping[str, int]) -> tuple[str, ...]:
    """Return the members of a set."""
    return tuple(value for value, number in numbers.items() if mask >> number & 1)
