"""How fast models were measured to be."""

from __future__ import annotations

import sqlite3

import msgspec

from papin._registry._times import to_stored
from papin.models import Speed

__all__ = ["load_speeds", "save_speed"]

_speed = msgspec.json.Decoder(Speed)


def load_speeds(connection: sqlite3.Connection, sha256: str) -> tuple[Speed, ...]:
    """Return how fast the weights of that digest were on each machine, the latest first."""
    query = "SELECT speed FROM speeds WHERE sha256 = ? ORDER BY measured_at DESC"
    return tuple([_speed.decode(speed) for (speed,) in connection.execute(query, (sha256,))])


def save_speed(connection: sqlite3.Connection, sha256: str, speed: Speed) -> None:
    """Record a speed, which is that of its machine from now on."""
    assert speed.measured_at is not None
    row = (sha256, speed.machine, to_stored(speed.measured_at), msgspec.json.encode(speed))
    connection.execute("INSERT OR REPLACE INTO speeds VALUES (?, ?, ?, ?)", row)
