"""The payloads: `blobs/sha256/ab/<digest>`."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from papin.errors import StorageFailed
from papin.storages import hash_file
from papin_store._durable import make_folder, sync_folder
from papin_store._layout import Layout


def size_of(path: Path) -> int | None:
    """Return the size of a payload, or None when there is no regular file."""
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def admit(layout: Layout, data: Path, sha256: str, size: int, *, replaces: bool = False) -> Path:
    """Make the file `data` the payload of that digest; durable when this returns."""
    handle = os.open(data, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        found = os.fstat(handle).st_size
        if found != size:
            raise StorageFailed(
                f"{data} has {found} bytes and not the {size} that were verified",
                next_step="Something else wrote to it: start again.",
            )
        os.fsync(handle)
    finally:
        os.close(handle)
    blob = layout.blob(sha256)
    make_folder(blob.parent)
    if size_of(blob) == size and not replaces:
        data.unlink()
        sync_folder(blob.parent)  # whoever put it there may not have come so far
        return blob
    data.rename(blob)
    sync_folder(blob.parent)
    sync_folder(data.parent)
    return blob


def verify(
    layout: Layout, sha256: str, piece: Callable[[int], None], into: Any = None
) -> Literal["ok", "damaged", "missing"]:
    """Read a payload whole, `into` a running SHA-256; `piece` is told the bytes read so far and may raise to stop."""
    blob = layout.blob(sha256)
    if not os.path.lexists(blob):
        return "missing"
    if size_of(blob) is None:
        return "damaged"
    try:
        digest = hash_file(blob, report=piece, into=into)
    except OSError as error:
        if error.errno == errno.EIO:
            return "damaged"
        raise
    return "ok" if digest == sha256 else "damaged"


def frees(layout: Layout, sha256: str) -> int:
    """Return the bytes that removing a payload would free: none while another link holds them."""
    try:
        status = layout.blob(sha256).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 else 0


def remove(layout: Layout, sha256: str) -> int:
    """Remove a payload; return the bytes that this freed."""
    blob = layout.blob(sha256)
    freed = frees(layout, sha256)
    try:
        blob.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return 0
    sync_folder(blob.parent)
    return freed
