"""What came and has not been waited for yet, under a limit on the speed: in this process, or of several together."""

from __future__ import annotations

import fcntl
import os
import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

import trio

from papin._transfers._data import SAFE
from papin._transfers._disk import in_thread

_BURST = 0.1  # seconds of the rate that may come at once after a pause
_LATER = 10.0  # seconds that another process may be ahead, which looked at the clock after us and was first
_RECORD = struct.Struct("<dd")


class Debt(NamedTuple):
    """So many bytes, at a time in seconds; negative ones may come without waiting."""

    at: float = 0.0
    bytes: float = 0.0

    def after(self, count: int, rate: float, now: float) -> Debt:
        """Return the debt when `count` bytes have come, of which `rate` a second may."""
        if not self.at <= now + _LATER:
            return Debt(now, count)  # of another boot
        left = self.bytes - rate * max(0.0, now - self.at)
        return Debt(max(self.at, now), max(-rate * _BURST, left) + count)


class Bucket(Protocol):
    """Keeps a debt."""

    async def draw(self, count: int, rate: float) -> float:
        """Add `count` bytes; return the debt in bytes, which decreases by `rate` a second."""
        ...


class OwnBucket:
    """The debt of this process, on trio's clock."""

    def __init__(self) -> None:
        self._debt = Debt()

    async def draw(self, count: int, rate: float) -> float:
        """See `Bucket`."""
        self._debt = self._debt.after(count, rate, trio.current_time())
        return self._debt.bytes


class SharedBucket:
    """The debt of all processes that draw from the file `path`, on the system's clock since it booted.

    Where the file cannot be used, or somebody else has stopped while he had it, this process keeps to the limit alone.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._debt = Debt()

    async def draw(self, count: int, rate: float) -> float:
        """See `Bucket`."""
        return await in_thread(self._draw, count, rate, time.monotonic())

    def _draw(self, count: int, rate: float, now: float) -> float:
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | SAFE, 0o600)
        except OSError:
            return self._add(count, rate, now)
        try:
            return self._draw_from(file, count, rate, now)
        finally:
            os.close(file)

    def _draw_from(self, file: int, count: int, rate: float, now: float) -> float:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            record = os.pread(file, _RECORD.size, 0)
        except OSError:
            return self._add(count, rate, now)
        kept = Debt(*_RECORD.unpack(record)) if len(record) == _RECORD.size else Debt()
        # The file has ours in it, unless it could not be written (the disk is full).
        self._debt = max(kept, self._debt, key=lambda debt: debt.after(0, rate, now).bytes)
        left = self._add(count, rate, now)
        with suppress(OSError):
            os.pwrite(file, _RECORD.pack(*self._debt), 0)
        return left

    def _add(self, count: int, rate: float, now: float) -> float:
        self._debt = self._debt.after(count, rate, now)
        return self._debt.bytes
