"""Which entries have what is filtered by: a set of keys for each value, as the bits of a number.

A filter is met by the union of some sets and a search by the intersection of its filters, which takes microseconds
among a hundred thousand entries, whatever is found. Of amounts (parameters, context, memory, bytes) only the magnitude
is known here, so that a set holds a few entries too many, and never one too few: the conditions themselves decide.
"""

from __future__ import annotations

import sqlite3
import struct
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache

__all__ = ["MAGNITUDES", "POSTED", "Postings", "bits_of_keys", "keys_of", "magnitude", "members", "sampled"]

MAGNITUDES = 128
"""How many magnitudes there are."""

_MEMBERS = ("can", "formats", "quants")
_AMOUNTS = ("parameters", "largest", "context", "need", "size")

POSTED = ("arch", "license", "access", "catalog", *_MEMBERS, *_AMOUNTS)
"""The columns of an entry whose values have sets. Publishers are too many: they have an index."""

# A page of a refresh changes one block or two, and each (1,920 bytes) is smaller than what SQLite keeps outside of its
# tree.
_BLOCK = 15_360


def magnitude(amount: float) -> int:
    """Return the magnitude of an amount, which does not fall as the amount grows: two for each power of two."""
    whole = max(int(amount), 0)
    length = whole.bit_length()
    return min(2 * length + (((whole << 2) >> length) & 1), MAGNITUDES - 1)


def members(connection: sqlite3.Connection, column: str, numbers: Collection[int]) -> int:
    """Return the keys of the entries that have one of `numbers` in `column`, each as a bit."""
    if not numbers:
        return 0
    wanted, among = tuple(numbers), f"IN ({', '.join('?' * len(numbers))})"
    if isinstance(numbers, range):
        wanted, among = (min(numbers), max(numbers)), "BETWEEN ? AND ?"
    if column == "publisher":
        query = f"SELECT key FROM entries WHERE publisher {among}"  # noqa: S608  our own names, here and below
        return bits_of_keys([key for (key,) in connection.execute(query, wanted)])
    query = f"SELECT block, bits FROM postings WHERE facet = ? AND number {among}"  # noqa: S608
    blocks: defaultdict[int, int] = defaultdict(int)
    for block, bits in connection.execute(query, (column, *wanted)):
        blocks[block] |= int.from_bytes(bits, "little")
    found = 0
    for block, some in blocks.items():
        found |= some << block * _BLOCK
    return found


def bits_of_keys(keys: Collection[int]) -> int:
    """Return a set of keys, each as a bit; one that comes twice is not in it."""
    found = bytearray(max(keys, default=0) // 8 + 1)
    for key in keys:
        found[key >> 3] ^= 1 << (key & 7)
    return int.from_bytes(found, "little")


def keys_of(bits: int) -> Iterator[int]:
    """Yield the keys in a set, the lowest first."""
    digits = f"{bits:b}"
    at = digits.rfind("1")
    while at >= 0:
        yield len(digits) - 1 - at
        at = digits.rfind("1", 0, at)


def sampled(bits: int, most: int) -> list[int]:
    """Return some keys of a set from all over it, since what came together may be alike; of a sparse one fewer."""
    step = bits.bit_length() // 32 // most + 1
    words = struct.unpack(f"<{step * most}I", bits.to_bytes(4 * step * most, "little"))
    return [32 * at + (words[at] & -words[at]).bit_length() - 1 for at in range(0, len(words), step) if words[at]]


class Postings:
    """The sets of one transaction that writes: what it changes is written at once by `flush`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._do = connection.execute
        self._toggled: list[tuple[int, Mapping[str, int | None]]] = []

    def toggle(self, key: int, columns: Mapping[str, int | None]) -> None:
        """Put an entry into its sets or, where it is in them, take it out."""
        self._toggled.append((key, columns))

    def flush(self) -> None:
        """Write the sets."""
        toggled, self._toggled = self._toggled, []
        for column in POSTED:
            # By value, since many entries of a page have the same.
            by_value: defaultdict[int | None, list[int]] = defaultdict(list)
            for key, columns in toggled:
                by_value[columns[column]].append(key)
            blocks: defaultdict[tuple[int, int], int] = defaultdict(int)
            for value, keys in by_value.items():
                changed: defaultdict[int, list[int]] = defaultdict(list)
                for key in keys:
                    changed[key // _BLOCK].append(key % _BLOCK)
                for block, places in changed.items():
                    bits = bits_of_keys(places)
                    for number in _numbers(column, value):
                        blocks[number, block] ^= bits
            for (number, block), bits in blocks.items():
                self._write((column, number, block), bits)

    def _write(self, where: tuple[str, int, int], toggled: int) -> None:
        query = "SELECT bits FROM postings WHERE facet = ? AND number = ? AND block = ?"
        row = self._do(query, where).fetchone()
        bits = toggled ^ (0 if row is None else int.from_bytes(row[0], "little"))
        stored = bits.to_bytes((bits.bit_length() + 7) // 8, "little")
        self._do("INSERT OR REPLACE INTO postings VALUES (?, ?, ?, ?)", (*where, stored))


def _numbers(column: str, value: int | None) -> Collection[int]:
    if value is None:
        return ()
    if column in _AMOUNTS:
        return (magnitude(value),)
    return _members_of(value) if column in _MEMBERS else (value,)


@lru_cache(4096)  # few sets are new
def _members_of(mask: int) -> tuple[int, ...]:
    return tuple(keys_of(mask))
