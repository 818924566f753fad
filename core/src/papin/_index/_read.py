"""Reading what is indexed: cards, entries, the state of the catalogs, words to complete with."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from papin._index._conditions import Here
from papin._index._facets import known
from papin._index._facts import unpack
from papin._index._identity import digests
from papin._index._installed import Installs, Owned, ids_of
from papin._index._postings import members
from papin._index._search import search
from papin._registry._times import from_stored
from papin.discovery import Card, Found, Source
from papin.errors import Problem
from papin.memory import fit_of
from papin.models import CatalogEntry
from papin.query import Query

__all__ = [
    "State",
    "cards_of",
    "entries",
    "entry_of",
    "find",
    "installed_of",
    "named",
    "prefixes",
    "same_as",
    "state",
    "states",
    "unasked",
    "values",
]

_SOURCES = 20


class State(NamedTuple):
    """What is known of a catalog: what its last page told, when it was refreshed, and why the last try failed."""

    state: str = ""
    refreshed_at: datetime | None = None
    problem: Problem | None = None
    entries: int = 0


def states(connection: sqlite3.Connection) -> dict[str, State]:
    """Return the states of all catalogs that ever were refreshed, or tried to."""
    query = """
    SELECT c.name, c.state, c.refreshed_at, c.problem, f.number
    FROM catalogs c LEFT JOIN facets f ON f.facet = 'catalog' AND f.value = c.name
    """
    return {
        name: State(
            told,
            None if at is None else from_stored(at),
            None if problem is None else msgspec.json.decode(problem, type=Problem),
            0 if number is None else members(connection, "catalog", [number]).bit_count(),
        )
        for name, told, at, problem, number in connection.execute(query)
    }


def state(connection: sqlite3.Connection, catalog: str) -> str:
    """Return what a catalog's last page told as its state."""
    row = connection.execute("SELECT state FROM catalogs WHERE name = ?", (catalog,)).fetchone()
    return "" if row is None else str(row[0])


def find(connection: sqlite3.Connection, query: Query, limit: int, here: Here, installed: Installs) -> Found:
    """Return the cards that a query finds."""
    hits = search(connection, query, limit, here, Owned(connection, installed))
    count = members(connection, "catalog", known(connection, "catalog").values()).bit_count()
    cards = _cards(connection, hits.keys, here, installed)
    return Found(
        query=str(hits.meant),
        cards=cards,
        more=hits.more,
        emptied_by=hits.emptied_by,
        instead=hits.instead,
        entries=count,
        unasked=unasked(connection, here),
        stale=_stale(connection, cards),
    )


def _stale(connection: sqlite3.Connection, cards: Sequence[Card]) -> tuple[str, ...]:
    failed = connection.execute("SELECT name FROM catalogs WHERE problem IS NOT NULL ORDER BY name").fetchall()
    shown = {source.catalog for card in cards for source in card.sources} if failed else ()
    return tuple(name for (name,) in failed if name in shown)


def unasked(connection: sqlite3.Connection, here: Here) -> tuple[str, ...]:
    """Return the catalogs of this machine that were never refreshed with success."""
    asked = {name for (name,) in connection.execute("SELECT name FROM catalogs WHERE refreshed_at IS NOT NULL")}
    return tuple(each for each in here.catalogs or () if each not in asked)


def prefixes(connection: sqlite3.Connection) -> dict[str, str]:
    """Return the names of catalogs by what is typed before the colon of a reference."""
    return dict(connection.execute("SELECT prefix, name FROM catalogs"))


def _cards(connection: sqlite3.Connection, keys: Sequence[int], here: Here, installed: Installs) -> tuple[Card, ...]:
    entries_by_key = _unpacked(connection, keys)
    query = f"SELECT key, card, need FROM entries WHERE key IN ({_marks(keys)})"  # noqa: S608
    told = {key: (card, need) for key, card, need in connection.execute(query, keys)}
    places = [card for card, _ in told.values()]
    sources = _sources(connection, places)
    ids = ids_of(connection, places, installed)
    cards = []
    for key in keys:
        card, need = told[key]
        made = Card(
            entry=entries_by_key[key],
            sources=tuple(_there(sources[card], here))[:_SOURCES],
            fit=fit_of(need, here.room),
            memory=need,
            guessed=need is not None and all(each.size is None for each in entries_by_key[key].variants),
            installed=ids[card],
        )
        cards.append(made)
    return tuple(cards)


def cards_of(
    connection: sqlite3.Connection, entries: Sequence[CatalogEntry], here: Here, installed: Installs
) -> dict[str, Card]:
    """Return the cards of indexed entries by their references."""
    keys = [key for entry in entries if (key := _key_of(connection, entry.catalog, entry.name)) is not None]
    return {card.entry.ref: card for card in _cards(connection, keys, here, installed)}


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))


def _unpacked(connection: sqlite3.Connection, keys: Sequence[int]) -> dict[int, CatalogEntry]:
    query = f"SELECT key, entry FROM details WHERE key IN ({_marks(keys)})"  # noqa: S608
    return {key: unpack(data) for key, data in connection.execute(query, keys)}


def _sources(connection: sqlite3.Connection, cards: Sequence[int]) -> dict[int, list[Source]]:
    query = f"""
    SELECT e.card, c.name, c.prefix || ':' || e.name, p.value, e.downloads
    FROM entries e INDEXED BY entries_by_card CROSS JOIN facets f ON f.facet = 'catalog' AND f.number = e.catalog
    CROSS JOIN catalogs c ON c.name = f.value
    CROSS JOIN facets p ON p.facet = 'publisher' AND p.number = e.publisher
    WHERE e.card IN ({_marks(cards)}) ORDER BY e.downloads DESC, e.key
    """  # noqa: S608
    found: dict[int, list[Source]] = {}
    for card, catalog, ref, publisher, downloads in connection.execute(query, cards):
        source = Source(ref=ref, catalog=catalog, publisher=publisher, downloads=downloads or None)
        found.setdefault(card, []).append(source)
    return found


def _there(sources: Sequence[Source], here: Here) -> Iterator[Source]:
    return (each for each in sources if here.catalogs is None or each.catalog in here.catalogs)


def entry_of(connection: sqlite3.Connection, catalog: str, name: str) -> CatalogEntry | None:
    """Return what a catalog told of a model, whose name is compared without case."""
    query = "SELECT entry FROM details WHERE key = ?"
    row = connection.execute(query, (_key_of(connection, catalog, name),)).fetchone()
    return None if row is None else unpack(row[0])


def named(connection: sqlite3.Connection, name: str) -> list[CatalogEntry]:
    """Return the entries of just that name, in any catalog, whatever its case; the most downloaded first."""
    query = """
    SELECT d.entry FROM entries e JOIN details d ON d.key = e.key WHERE lower(e.name) = lower(?1)
    ORDER BY e.downloads DESC LIMIT 10
    """
    return [unpack(data) for (data,) in connection.execute(query, (name,))]


def installed_of(connection: sqlite3.Connection, entry: CatalogEntry, installed: Installs) -> tuple[str, ...]:
    """Return the ids of the installed models that came from one of the sources of `entry`, or have a file of it."""
    card = _card_of(connection, entry.catalog, entry.name)
    known = digests(entry)
    told = installed.of([entry.ref], known)
    mine = {model for digest, model in told.by_digest.items() if digest in known}
    mine |= {model for ref, model in told.by_ref.items() if ref == entry.ref or ref.startswith(f"{entry.ref}:")}
    others = () if card is None else ids_of(connection, [card], installed)[card]
    return tuple(sorted({*mine, *others}))


def _key_of(connection: sqlite3.Connection, catalog: str, name: str) -> int | None:
    number = known(connection, "catalog").get(catalog)
    query = "SELECT key FROM entries WHERE lower(name) = lower(?) AND catalog = ?"
    row = connection.execute(query, (name, number)).fetchone()
    return None if row is None else int(row[0])


def _card_of(connection: sqlite3.Connection, catalog: str, name: str) -> int | None:
    row = connection.execute("SELECT card FROM entries WHERE key = ?", (_key_of(connection, catalog, name),)).fetchone()
    return None if row is None else int(row[0])


def entries(
    connection: sqlite3.Connection, catalogs: Iterable[str] | None = None, most: int | None = None
) -> list[CatalogEntry]:
    """Return the entries of all or some catalogs, the most downloaded first, else in the order they were told in."""
    numbers = known(connection, "catalog")
    wanted = list(numbers.values()) if catalogs is None else [numbers[each] for each in catalogs if each in numbers]
    query = f"""
    SELECT d.entry FROM entries e INDEXED BY entries_by_downloads JOIN details d ON d.key = e.key
    WHERE e.catalog IN ({_marks(wanted)}) ORDER BY e.downloads DESC LIMIT ?
    """  # noqa: S608
    return [unpack(data) for (data,) in connection.execute(query, (*wanted, -1 if most is None else most))]


def same_as(connection: sqlite3.Connection, catalog: str, name: str) -> tuple[Source, ...]:
    """Return all sources of the model that a catalog has under a name, itself included."""
    card = _card_of(connection, catalog, name)
    return () if card is None else tuple(_sources(connection, [card])[card])


def values(connection: sqlite3.Connection, key: str) -> tuple[str, ...]:
    """Return the values that a filter may have, sorted; nothing for one of a number."""
    return tuple(sorted(value for value in known(connection, key) if value))
