"""The threads that blocking work is done in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import trio

from papin._disk import disk_errors

__all__ = ["disk_errors", "in_thread"]

T = TypeVar("T")

_THREADS = trio.CapacityLimiter(16)  # a transfer writes, hashes and syncs at the same time


async def in_thread(work: Callable[..., T], *args: object) -> T:
    """Do blocking `work` in one of a few threads; it may call `trio.from_thread.check_cancelled`."""
    return await trio.to_thread.run_sync(work, *args, limiter=_THREADS)
