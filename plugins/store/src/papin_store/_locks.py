"""Taking a lock only if it is free; waiting for one is `papin.locks.hold`."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def try_hold(path: Path) -> Iterator[bool]:
    """Hold the lock of the file `path` if it is there and nobody has it; tell whether we do."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield path.exists() and os.path.samestat(os.fstat(handle), path.lstat())
    finally:
        os.close(handle)
