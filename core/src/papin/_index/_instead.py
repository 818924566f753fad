"""What could stand in the place of a filter that empties a list: the nearest values that leave something in it."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import ceil, floor, log10

from papin._index._conditions import Condition, Here
from papin._index._facets import known, names_of
from papin._index._postings import MAGNITUDES, magnitude, members
from papin.filenames import bits_of
from papin.query import Filter, Relation, amount, nearest_values

__all__ = ["instead"]

_MOST = 3
_UNITS = ((10**12, "t"), (10**9, "b"), (10**6, "m"), (10**3, "k"))
_OF_BYTES = {"k": "kb", "m": "mb", "b": "gb", "t": "tb"}
_FACETS = {"formats": "format", "quants": "quant"}  # where they are called otherwise than their columns
_SETS = {"can", "formats", "quants"}

Keys = Callable[[int], Sequence[int]]
"""The keys of the most downloaded entries among some (bits; -1 for all) that meet everything else that was asked."""


def instead(connection: sqlite3.Connection, failed: Condition, here: Here, keys: Keys) -> tuple[str, ...]:
    """Return filters, as a person types them, of which any one in the place of `failed` finds something."""
    asked = failed.meant
    if asked.key == "fits":
        return tuple(str(Filter(key="fits", values=(other,))) for other in ("yes", "no") if (other,) != asked.values)
    if asked.key in ("size", "context", "disk"):
        return tuple(dict.fromkeys(map(str, _amounts(connection, failed, keys))))
    counted = _counted(connection, failed.column, keys(-1))
    if asked.key == "provider":
        runs = {name: sum(counted[each] for each in formats) for name, formats in here.providers.items()}
        counted = Counter({name: count for name, count in runs.items() if count})
    return tuple(str(Filter(key=asked.key, values=(each.lower(),))) for each in _nearest(asked, counted))


def _counted(connection: sqlite3.Connection, column: str, keys: Sequence[int]) -> Counter[str]:
    """Return the values of a column, or the members of its sets, with how many of `keys` have each."""
    numbers = known(connection, _FACETS.get(column, column))
    names = {number: name for name, number in numbers.items()}
    found: Counter[str] = Counter()
    for value in _values(connection, column, keys):
        if value is not None:
            found.update(names_of(value, numbers) if column in _SETS else (names[value],))
    del found[""]
    return found


def _values(connection: sqlite3.Connection, column: str, keys: Sequence[int]) -> list[int | None]:
    query = f"SELECT {column} FROM entries WHERE key IN (SELECT value FROM json_each(?))"  # noqa: S608  our own names
    return [value for (value,) in connection.execute(query, (json.dumps(keys),))]


def _nearest(asked: Filter, counted: Counter[str]) -> list[str]:
    """Return those spelt nearly so, or of about as many bits, before those that most have."""
    by_count = [name for name, _ in counted.most_common()]
    wanted = bits_of(asked.values[0].upper().replace("-", "_")) if asked.key == "quant" else None
    if wanted is not None:
        return sorted(by_count, key=lambda name: abs((bits_of(name) or 0) - wanted))[:_MOST]
    near = [name for value in asked.values for name in nearest_values(value, by_count)]
    return list(dict.fromkeys([*near, *by_count]))[:_MOST]


def _amounts(connection: sqlite3.Connection, failed: Condition, keys: Keys) -> Iterable[Filter]:
    asked = failed.meant
    limit = amount(asked.values[0], asked.key)
    middle = magnitude(limit)
    if asked.relation not in {">", ">="}:
        above = _first(connection, failed.column, range(middle, MAGNITUDES), keys)
        if above:
            yield _filter(asked, "<=", min(above))
    if asked.relation not in {"<", "<="}:
        column = "largest" if asked.key == "size" else failed.column
        below = _first(connection, column, range(middle, -1, -1), keys)
        if below:
            yield _filter(asked, ">=", max(below))


def _first(connection: sqlite3.Connection, column: str, magnitudes: Iterable[int], keys: Keys) -> list[int]:
    """Return the amounts of entries in the first of `magnitudes` in which there are any."""
    for each in magnitudes:
        found = keys(members(connection, column, [each]))
        if found:
            return [value for value in _values(connection, column, found) if value is not None]
    return []


def _filter(asked: Filter, relation: Relation, number: int) -> Filter:
    if asked.relation == "=":  # about so many
        text, relation = str(number) if asked.key == "context" else _text(number, round), "="
    else:
        text = _text(number, ceil if relation == "<=" else floor)
    if asked.key == "disk":
        text = re.sub(r"[kmbt]$", lambda unit: _OF_BYTES[unit[0]], text)
    return Filter(key=asked.key, values=(text,), relation=relation)


def _text(number: int, rounded: Callable[[float], int]) -> str:
    """Return a number as it is typed, with two digits."""
    step = 10 ** max(0, floor(log10(max(number, 1))) - 1)
    number = rounded(number / step) * step
    unit, sign = next(((unit, sign) for unit, sign in _UNITS if number >= unit), (1, ""))
    return f"{number / unit:g}{sign}"
