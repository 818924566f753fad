"""Which models of the catalogs are here: by where the installed ones came from, and by their files."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

from papin._index._identity import first_bytes
from papin._index._postings import bits_of_keys, keys_of

if TYPE_CHECKING:
    from papin._registry._read import Read

__all__ = ["Installed", "Installs", "Owned", "Recorded", "ids_of"]

_FEW = 300  # models, of which all are read sooner than some are asked for
_MANY = 1000  # entries, of which to ask of each is as long as to find all that are here


class Installed(NamedTuple):
    """The ids of installed models, by their references, and by the first eight bytes of the digests of their files."""

    by_ref: Mapping[str, str] = {}
    by_digest: Mapping[int, str] = {}

    @property
    def how_many(self) -> int:
        """About how many models there are."""
        return len(self.by_ref)

    def of(self, names: Iterable[str], digests: Iterable[int]) -> Installed:
        """Return those of such names or digests, or more."""
        del names, digests
        return self

    def everything(self) -> Installed:
        """Return all of them."""
        return self


class Installs(Protocol):
    """What tells which models are installed: see `Installed`."""

    @property
    def how_many(self) -> int: ...
    def of(self, names: Iterable[str], digests: Iterable[int]) -> Installed: ...
    def everything(self) -> Installed: ...


class Recorded:
    """What is recorded as installed, in papin's storage or with a provider alone; no more of it is read than asked."""

    def __init__(self, read: Read) -> None:
        self._read = read

    @cached_property
    def how_many(self) -> int:
        """How many models papin has of its own."""
        return self._read.count()

    def of(self, names: Iterable[str], digests: Iterable[int]) -> Installed:
        """Return the models of these names (`prefix:name`), of any variant, and those that have one of these files."""
        if self.how_many <= _FEW:
            return self._everything
        begins = [each.to_bytes(8, signed=True).hex() for each in digests]
        return Installed(self._read.origins([*names]), self._by_digest(begins) if begins else {})

    def everything(self) -> Installed:
        """Return all of them."""
        return self._everything

    @cached_property
    def _everything(self) -> Installed:
        return Installed(self._read.origins(), self._by_digest(None))

    def _by_digest(self, begins: Collection[str] | None) -> dict[int, str]:
        held = {
            file.sha256: group.id
            for group in self._read.shelf().groups
            for holding in group.holdings
            for file in holding.model.files
            if file.role == "weights" and file.sha256
        }
        return {first_bytes(sha256): model for sha256, model in (held | self._read.weights(begins)).items()}


def ids_of(connection: sqlite3.Connection, cards: Collection[int], installed: Installs) -> dict[int, tuple[str, ...]]:
    """Return the ids of installed models by card: what came from one of its sources, or has the same file."""
    asked = json.dumps([*cards])
    of_card = "json_each(?) n CROSS JOIN entries e INDEXED BY entries_by_card ON e.card = n.value"
    query = f"""
    SELECT e.card, c.prefix || ':' || e.name FROM {of_card}
    CROSS JOIN facets f ON f.facet = 'catalog' AND f.number = e.catalog CROSS JOIN catalogs c ON c.name = f.value
    """  # noqa: S608  constants, here and below
    sources = connection.execute(query, (asked,)).fetchall()
    query = f"SELECT e.card, d.digest FROM {of_card} CROSS JOIN digests d ON d.entry = e.key"  # noqa: S608
    files = connection.execute(query, (asked,)).fetchall()
    told = installed.of({name for _, name in sources}, {digest for _, digest in files})
    by_name: dict[str, list[str]] = {}
    for ref, model in told.by_ref.items():
        by_name.setdefault(":".join(ref.split(":", 2)[:2]), []).append(model)
    found: dict[int, set[str]] = {card: set() for card in cards}
    for card, name in sources:
        found[card].update(by_name.get(name, ()))
    for card, digest in files:
        if digest in told.by_digest:
            found[card].add(told.by_digest[digest])
    return {card: tuple(sorted(ids)) for card, ids in found.items()}


class Owned:
    """Which entries have a model on this machine, for one search."""

    def __init__(self, connection: sqlite3.Connection, installed: Installs) -> None:
        self._do = connection.execute
        self._connection = connection
        self._installed = installed

    @property
    def how_many(self) -> int:
        """About how many models there are."""
        return self._installed.how_many

    def cards(self, some: Collection[int]) -> set[int]:
        """Return those of some cards that have one."""
        return {card for card, ids in ids_of(self._connection, some, self._installed).items() if ids}

    def among(self, bits: int) -> int:
        """Return the keys of those among some, each as a bit."""
        if bits.bit_count() > min(self.how_many, _MANY):
            return bits & self._all
        query = "SELECT e.key, e.card FROM json_each(?) n CROSS JOIN entries e ON e.key = n.value"
        cards = dict(self._do(query, (json.dumps([*keys_of(bits)]),)))
        here = self.cards({*cards.values()})
        return bits_of_keys([key for key, card in cards.items() if card in here])

    @cached_property
    def _all(self) -> int:
        told = self._installed.everything()
        names: dict[str, set[str]] = {}
        for ref in told.by_ref:
            prefix, _, rest = ref.partition(":")
            names.setdefault(prefix, set()).add(rest.partition(":")[0])
        cards: set[int] = set()
        query = "SELECT c.prefix, f.number FROM catalogs c JOIN facets f ON f.facet = 'catalog' AND f.value = c.name"
        for prefix, number in self._do(query).fetchall():
            query = """
            SELECT e.card FROM json_each(?) n CROSS JOIN entries e INDEXED BY entries_by_name
            ON lower(e.name) = lower(n.value) AND e.catalog = ? WHERE e.name = n.value
            """
            asked = json.dumps(sorted(names.get(prefix, ())))
            cards.update(card for (card,) in self._do(query, (asked, number)))
        query = """
        SELECT e.card FROM json_each(?) n CROSS JOIN digests d ON d.digest = n.value
        CROSS JOIN entries e ON e.key = d.entry
        """
        cards.update(card for (card,) in self._do(query, (json.dumps([*told.by_digest]),)))
        query = "SELECT e.key FROM json_each(?) n CROSS JOIN entries e ON e.card = n.value"
        return bits_of_keys([key for (key,) in self._do(query, (json.dumps(sorted(cards)),))])
