"""Bytes and durations as people say them, alike in every message and every frontend."""

from __future__ import annotations

__all__ = ["duration_text", "size_text"]

_STEP = 1000
_MINUTE = 60


def size_text(count: float) -> str:
    """Return `count` bytes in the decimal units that disks are sold in: `98.4 MB`."""
    value = float(count)
    if value < _STEP:
        return f"{value:.0f} B"
    for unit in ("kB", "MB", "GB"):
        value /= _STEP
        if value < _STEP:
            return f"{value:.1f} {unit}"
    return f"{value / _STEP:.1f} TB"


def duration_text(seconds: float) -> str:
    """Return `seconds` in the two largest units that matter: `45 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, _MINUTE)
    hours, minutes = divmod(minutes, _MINUTE)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
