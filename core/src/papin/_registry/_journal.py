"""The journal: events that tell of a recorded change, numbered without end, the latest of them kept."""

from __future__ import annotations

import sqlite3
from datetime import datetime

import msgspec

from papin import events
from papin._registry._failures import nonsense
from papin._registry._times import from_stored, to_stored
from papin.events import Envelope, Event, Lagged, UnknownEvent

__all__ = ["KEEP", "append", "go_on_from", "last_seq", "load"]

KEEP = 100_000
"""How many events are kept."""

_LARGEST = (1 << 63) - 1  # what SQLite can count to


class _Named(msgspec.Struct):
    type: str


def append(connection: sqlite3.Connection, event: Event, at: datetime, *, keep: int = KEEP) -> Envelope:
    """Add an event and drop the one that is now too old; return it with its number."""
    data = event.raw if isinstance(event, UnknownEvent) else msgspec.json.encode(event)
    seq = connection.execute("INSERT INTO events (at, event) VALUES (?, ?)", (to_stored(at), data)).lastrowid
    assert seq is not None
    connection.execute("DELETE FROM events WHERE seq <= ?", (seq - keep,))
    return Envelope(seq=seq, at=at, event=event)


def last_seq(connection: sqlite3.Connection) -> int:
    """Return the number of the latest event, 0 before the first."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    return 0 if row is None else int(row[0])


def load(connection: sqlite3.Connection, since: int, limit: int, now: datetime) -> list[Envelope]:
    """Return at most `limit` events after number `since`.

    When some of those are no longer kept, or `since` is a number that was never given (the registry was replaced by an
    older one), a `Lagged` stands first: its `missed` counts what is gone, its `seq` is the number to go on from.
    """
    since = min(max(since, 0), _LARGEST)
    last = last_seq(connection)
    oldest = connection.execute("SELECT min(seq) FROM events").fetchone()[0] or last + 1
    found: list[Envelope] = []
    if not oldest - 1 <= since <= last:
        missed = max(0, oldest - 1 - since)
        found.append(Envelope(seq=oldest - 1, at=now, event=Lagged(missed=missed)))
        since = oldest - 1
    query = "SELECT seq, at, event FROM events WHERE seq > ? ORDER BY seq LIMIT ?"
    rows = connection.execute(query, (since, max(0, limit - len(found))))
    found += [_envelope(seq, at, data, now) for seq, at, data in rows]
    return found


def _envelope(seq: int, at: int, data: bytes, now: datetime) -> Envelope:
    try:
        time = from_stored(at)
        return Envelope(seq=seq, at=time, event=_event(data))
    except nonsense():
        # A damaged row, in a file that nobody sealed: as good as no longer kept.
        return Envelope(seq=seq, at=now, event=Lagged(missed=1))


def _event(data: bytes) -> Event:
    name = msgspec.json.decode(data, type=_Named).type
    try:
        return events.decode(b'{"at":"1970-01-01T00:00:00Z","event":%b}' % data).event
    except msgspec.ValidationError:
        # Known by name, but another version gave it another shape.
        return UnknownEvent(type_name=name, raw=data)


def go_on_from(connection: sqlite3.Connection, seq: int) -> None:
    """Let the next event be numbered after `seq`, which is not below any number that was given."""
    changed = connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'events'", (seq,)).rowcount
    if not changed:
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('events', ?)", (seq,))
