"""What this process gets of the processor."""

from __future__ import annotations

from pathlib import Path

_TIMES = Path("/proc/thread-self/schedstat")  # Linux: nanoseconds on a processor, then those of waiting for one


def starved() -> float:
    """Return for how many seconds this thread was ready to run so far while others did; 0 where nobody counts them."""
    try:
        return int(_TIMES.read_bytes().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0
