"""What the operating system says about files, as papin's errors, and the threads that blocking work is done in."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import trio

from papin.errors import DiskSpace, StorageFailed

T = TypeVar("T")

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_THREADS = trio.CapacityLimiter(16)  # a transfer writes, hashes and syncs at the same time


@contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Turn an `OSError` at `what` (a few words for the user) into `DiskSpace` or `StorageFailed`."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskSpace(
                f"there is no room left for {what}: {error.strerror}",
                next_step="Free some space (papin models list shows sizes), then run the same command again.",
            ) from error
        raise StorageFailed(
            f"{what} could not be read or written: {error.strerror or error}",
            next_step="Look at the disk and at the permissions of the folder, then run the same command again.",
        ) from error


async def in_thread(work: Callable[..., T], *args: object) -> T:
    """Do blocking `work` in one of a few threads; it may call `trio.from_thread.check_cancelled`."""
    return await trio.to_thread.run_sync(work, *args, limiter=_THREADS)
