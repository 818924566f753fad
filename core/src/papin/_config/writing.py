"""Changing a small file of the user: one at a time, at once, durably."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from papin._disk import sync_folder
from papin.errors import StorageFailed


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock on `folder`, so that two who change a file in it at once both succeed. Blocks."""
    try:
        import fcntl  # noqa: PLC0415  there is none on Windows, where the last writer wins
    except ImportError:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write(file: Path, data: bytes) -> None:
    """Put `data` in the place of `file` at once; where that is a link, in the place of what it leads to.

    A new file belongs to its user alone (0600), and one that is there keeps its mode.

    Raises:
        StorageFailed: it cannot be written; the old one is still there.
    """
    goal = Path(os.path.realpath(file))
    mode = goal.stat().st_mode & 0o777 if goal.exists() else 0o600
    new = goal.with_name(f".{goal.name}.new")  # always this name, so that a crash leaves one at most
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        try:
            with open(os.open(new, flags, mode), "wb") as opened:  # noqa: PTH123  it must not follow a link
                os.fchmod(opened.fileno(), mode)
                opened.write(data)
                opened.flush()
                os.fsync(opened.fileno())
            new.replace(goal)
            sync_folder(goal.parent)
        except OSError:
            new.unlink(missing_ok=True)
            raise
    except OSError as error:
        step = f"Make {goal.parent} writable, and see that its disk is not full."
        raise StorageFailed(f"{goal} cannot be written: {error.strerror}", next_step=step) from error
