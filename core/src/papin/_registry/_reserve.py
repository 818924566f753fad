"""A little space that is kept beside the database, so that models can be listed and removed when the disk is full.

SQLite needs some pages for its log even to read, and more to record that something was removed. They are given back
to the file system when it has nothing else left, and taken again when there is plenty.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["ease", "keep"]

_SIZE = 512 << 10
_PLENTY = 64 << 20


def _path(file: Path) -> Path:
    return file.with_name(f"{file.name}-reserve")


def _free(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def keep(file: Path) -> None:
    """Keep some space beside the database `file`, if there is plenty. Never fails."""
    path = _path(file)
    with suppress(OSError):
        if path.exists() or _free(file.parent) < _PLENTY:
            return
        # Bytes that no file system can store in less.
        path.write_bytes(os.urandom(_SIZE))
        path.chmod(0o600)


def ease(file: Path) -> None:
    """Give the space back if there is hardly any other. Never fails."""
    with suppress(OSError):
        if _free(file.parent) < _SIZE:
            _path(file).unlink()
