"""Names and durability of the files beside the database."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

from papin._registry._times import now
from papin.errors import RegistryFailed

__all__ = ["SIDES", "dated", "open_beside", "sync"]

SIDES = ("-wal", "-shm")
"""What SQLite keeps beside a database, by what stands behind its name."""


def dated(file: Path, what: str) -> Path:
    """Return a free name beside `file` that says what it is and when it was put there."""
    stem = f"{file.name}.{what}-{now():%Y%m%dT%H%M%SZ}"
    tries = (file.with_name(stem if number == 1 else f"{stem}-{number}") for number in count(1))
    return next(path for path in tries if not any(path.with_name(path.name + side).exists() for side in ("", *SIDES)))


def sync(path: Path) -> None:
    """Make a file, or the names in a folder, survive a power cut."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def open_beside(file: Path, suffix: str) -> int:
    """Open a small file of ours beside the database, made if need be, and return its descriptor.

    Raises:
        RegistryFailed: the folder or the file cannot be written.
    """
    path = file.with_name(file.name + suffix)
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise RegistryFailed(
            f"The file {path} cannot be opened: {error.strerror}",
            next_step="Look at the permissions of its folder, or set PAPIN_HOME to another one.",
        ) from error
