"""Times as they are stored: whole microseconds since 1970 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["from_stored", "now", "to_stored"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


def now() -> datetime:
    """Return the time that people read off a clock; nothing is decided by it."""
    return datetime.now(UTC)


def to_stored(at: datetime) -> int:
    """Return an aware time as microseconds."""
    return (at - _EPOCH) // _TICK


def from_stored(ticks: int) -> datetime:
    """Return the time that `to_stored` stored."""
    return _EPOCH + timedelta(0, 0, ticks)
