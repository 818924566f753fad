"""What the operating system says about files, as papin's errors."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from papin.errors import DiskSpace, StorageFailed

__all__ = ["disk_errors", "mtime", "sync_folder"]

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


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


def mtime(path: Path | str) -> int | None:
    """Return when a file or folder changed last, in nanoseconds since 1970, or None where it is not there."""
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116  # of thousands, and a Path takes longer than the answer
    except OSError:
        return None


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
