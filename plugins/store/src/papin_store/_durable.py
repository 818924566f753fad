"""Writing small files and folders so that they survive a power cut."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from papin.names import place
from papin_store._locks import try_hold

FOLDER = os.O_RDONLY | os.O_DIRECTORY
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_PREFIX, _SUFFIX = "new-", ".tmp"


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    handle = os.open(folder, FOLDER)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make `folder` (0700) in a folder that exists, durably; it may be there already."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return
    sync_folder(folder.parent)


@contextmanager
def aside(target: Path, data: bytes) -> Iterator[Path]:
    """Write `data` to a new, synced file beside `target`; unless it was renamed, it goes away at the end.

    Meanwhile it is locked, by which `sweep_asides` tells it from one that a killed process left.
    """
    path = place(target.parent, f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}")
    handle = _new_locked(path)
    try:
        with open(handle, "wb", closefd=False) as file:
            file.write(data)
        os.fsync(handle)
        yield path
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _new_locked(path: Path) -> int:
    while True:
        handle = os.open(path, NEW, 0o600)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.exists():
            return handle
        os.close(handle)  # it was swept before it was locked


def replace(target: Path, data: bytes) -> None:
    """Make `data` the content of `target`: at every instant there is the old content or the new one."""
    with aside(target, data) as made:
        made.rename(target)
    sync_folder(target.parent)


def sweep_asides(folder: Path) -> None:
    """Remove what killed processes left in `folder` of files that they wrote aside."""
    for path in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        with try_hold(path) as ours:
            if ours:
                path.unlink(missing_ok=True)
