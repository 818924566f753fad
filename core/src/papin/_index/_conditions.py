"""From the filters of a query to conditions of SQL, by the values that the index knows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from papin._index._facets import known
from papin._index._postings import MAGNITUDES, magnitude
from papin.errors import NotFound
from papin.filenames import bits_of
from papin.memory import Room
from papin.query import Filter, Relation, amount, nearest_values

__all__ = ["Condition", "Here", "condition"]

_SOME = 5
# A number without a relation means what is called so: 8b is 7.6 and 8.3 billion as well, and 32k is 32768.
_ABOUT = 0.1


class Here(NamedTuple):
    """What of this machine a search needs: the room for a model, the formats that each provider runs, the catalogs.

    What catalogs told that are not here any more (None: all are) is kept, and not found.
    """

    room: Room = Room(gpu=0, main=0)
    providers: Mapping[str, Collection[str]] = {}
    catalogs: Collection[str] | None = None


class Condition(NamedTuple):
    """A condition, its parameters, the filter as it was understood, and the posted values of what may meet it.

    `numbers` are those of `column`: whoever meets the condition has one of them, and not all that have one meet it.
    """

    sql: str
    parameters: tuple[float | int, ...]
    meant: Filter
    column: str
    numbers: Collection[int]


def condition(connection: sqlite3.Connection, asked: Filter, here: Here) -> Condition:
    """Return the condition that a filter stands for.

    Raises:
        NotFound: it names a provider that is not here.
    """
    return _MAKERS[asked.key](connection, asked, here)


_Maker = Callable[[sqlite3.Connection, Filter, Here], Condition]


def _values(connection: sqlite3.Connection, facet: str, asked: Filter) -> tuple[list[int], Filter]:
    """Return the numbers of what `asked` may mean, and what that is where it was mistyped."""
    numbers = known(connection, facet)
    found: list[int] = []
    meant: list[str] = []
    for value in asked.values:
        begun = [name for name in numbers if name.startswith(value)]
        names = begun or nearest_values(value, [name for name in numbers if name])[:1]
        found += [numbers[name] for name in names]
        meant += [value] if begun or not names else names
    return found, Filter(key=asked.key, values=tuple(meant))


def _one(column: str, facet: str) -> _Maker:
    def make(connection: sqlite3.Connection, asked: Filter, here: Here) -> Condition:
        del here
        numbers, meant = _values(connection, facet, asked)
        return Condition(f"e.{column} IN ({', '.join('?' * len(numbers))})", tuple(numbers), meant, column, numbers)

    return make


def _set(column: str, facet: str) -> _Maker:
    def make(connection: sqlite3.Connection, asked: Filter, here: Here) -> Condition:
        del here
        numbers, meant = _values(connection, facet, asked)
        return _any_of(column, numbers, meant)

    return make


def _any_of(column: str, numbers: Iterable[int], meant: Filter) -> Condition:
    members = set(numbers)
    return Condition(f"e.{column} & ?", (sum(1 << number for number in members),), meant, column, members)


def _quant(connection: sqlite3.Connection, asked: Filter, here: Here) -> Condition:
    """Return a condition on quantizations: by name, by the begin of one (`q4` is IQ4_XS too), or by bits (`4bit`)."""
    del here
    numbers = known(connection, "quant")
    found: set[int] = set()
    for value in asked.values:
        plain = value.upper().removeprefix("UD-").replace("-", "_")
        level = plain.removesuffix("BITS").removesuffix("BIT").rstrip("_ ")
        for name, number in numbers.items():
            begins = name.startswith(plain) or (plain[:1] == "Q" and name.startswith(f"I{plain}"))
            if begins or (level != plain and level.isdigit() and int(bits_of(name) or 0) == int(level)):
                found.add(number)
    return _any_of("quants", found, asked)


def _compared(column: str) -> _Maker:
    def make(connection: sqlite3.Connection, asked: Filter, here: Here) -> Condition:
        del connection, here
        number = amount(asked.values[0], asked.key)
        # A model of several sizes is met by any of them.
        largest = "largest" if column == "parameters" else column
        if asked.relation == "=":
            least, most = number * (1 - _ABOUT), number * (1 + _ABOUT)
            near = range(0 if column == "parameters" else magnitude(least), magnitude(most) + 1)
            return Condition(f"e.{column} <= ? AND e.{largest} >= ?", (most, least), asked, column, near)
        return _related(largest if asked.relation[0] == ">" else column, asked.relation, number, asked)

    return make


def _related(column: str, relation: Relation, number: float, meant: Filter) -> Condition:
    most = magnitude(number)
    near = range(most + 1) if relation[0] == "<" else range(most, MAGNITUDES)
    return Condition(f"e.{column} {relation} ?", (number,), meant, column, near)


def _fits(connection: sqlite3.Connection, asked: Filter, here: Here) -> Condition:
    del connection
    return _related("need", "<=" if asked.values == ("yes",) else ">", here.room.most, asked)


def _provider(connection: sqlite3.Connection, asked: Filter, here: Here) -> Condition:
    numbers = known(connection, "format")
    found: set[int] = set()
    meant: list[str] = []
    for value in asked.values:
        near = nearest_values(value, here.providers, most=1)
        if not near:
            there = ", ".join(sorted(here.providers)) or "none"
            raise NotFound(f"there is no provider {value[:40]}", next_step=f"Providers here: {there}.")
        meant += near
        found |= {numbers[each] for each in here.providers[near[0]] if each in numbers}
    return _any_of("formats", found, Filter(key=asked.key, values=tuple(meant)))


_MAKERS: dict[str, _Maker] = {
    "arch": _one("arch", "arch"),
    "license": _one("license", "license"),
    "publisher": _one("publisher", "publisher"),
    "catalog": _one("catalog", "catalog"),
    "access": _one("access", "access"),
    "can": _set("can", "can"),
    "format": _set("formats", "format"),
    "quant": _quant,
    "size": _compared("parameters"),
    "context": _compared("context"),
    "disk": _compared("size"),
    "fits": _fits,
    "provider": _provider,
}
