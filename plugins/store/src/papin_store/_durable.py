"""Writing small files and folders so that they survive a power cut."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from papin.names import place

FOLDER = os.O_RDONLY | os.O_DIRECTORY
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


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


def write_aside(target: Path, data: bytes) -> Path:
    """Write `data` to a new, synced file beside `target`, and return it."""
    aside = place(target.parent, f"new-{secrets.token_hex(8)}.tmp")
    handle = os.open(aside, NEW, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    return aside


def replace(target: Path, data: bytes) -> None:
    """Make `data` the content of `target`: at every instant there is the old content or the new one."""
    aside = write_aside(target, data)
    try:
        aside.rename(target)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)
