"""Bytes and durations as people say them, alike in every message and every frontend."""

from __future__ import annotations

import re

__all__ = ["duration_text", "parse_size", "size_text"]

_KILO, _MEGA, _GIGA, _TERA = 10**3, 10**6, 10**9, 10**12
_MINUTE = 60
_DAY = 24
_DAYS = 2 * _DAY  # from so many hours on, days say more
_SIZE = r"(?P<number>\d+(\.\d+)?) ?(?P<unit>[kmgt]?)(?P<binary>i?)b?"


def parse_size(text: str) -> int:
    """Return the bytes that `text` stands for: `5MB`, `1.5 GB`, `512KiB`, `1000`.

    Raises:
        ValueError: it is no size.
    """
    found = re.fullmatch(_SIZE, text.strip(), re.IGNORECASE)
    if found is None:
        raise ValueError(f"{text!r:.40} is no size; write it like 5MB")
    step = 1024 if found["binary"] else _KILO
    power = "kmgt".find(found["unit"].lower()) + 1 if found["unit"] else 0
    return int(float(found["number"]) * step**power)


def size_text(count: float) -> str:
    """Return `count` bytes in the decimal units that disks are sold in: `98.4 MB`."""
    # Spelled out: a list of ten thousand models asks ten thousand times, and a loop over the units takes longer.
    if count < _KILO:
        return f"{count:.0f} B"
    if count < _MEGA:
        return f"{count / _KILO:.1f} kB"
    if count < _GIGA:
        return f"{count / _MEGA:.1f} MB"
    if count < _TERA:
        return f"{count / _GIGA:.1f} GB"
    return f"{count / _TERA:.1f} TB"


def duration_text(seconds: float) -> str:
    """Return `seconds` in the two largest units that matter: `45 s`, `3 min 20 s`, `2 h 05 min`, `3 days`."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, _MINUTE)
    hours, minutes = divmod(minutes, _MINUTE)
    if hours >= _DAYS:
        return f"{hours // _DAY} days"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
