"""Counting bytes: each inode once, however many names it has."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_BLOCK = 512


class Count(NamedTuple):
    """How many files, and the bytes of their inodes."""

    files: int
    used: int


def _walk(folder: Path | str) -> Iterator[os.stat_result]:
    try:
        entries = os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return  # removed by somebody else meanwhile
    with entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path)
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode):
                yield status


def count_folder(folder: Path) -> Count:
    """Count the regular files below `folder`."""
    sizes = {(status.st_dev, status.st_ino): status.st_size for status in _walk(folder)}
    return Count(len(sizes), sum(sizes.values()))


def present(path: Path) -> int:
    """Return the bytes of a file that are on disk: its size, or less while it has holes; 0 when it is not there."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return 0
    return min(status.st_size, status.st_blocks * _BLOCK) if stat.S_ISREG(status.st_mode) else 0


def read_small(path: Path, most: int) -> bytes:
    """Return the first `most` bytes of a small regular file, or nothing when there is none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        return os.read(handle, most) if stat.S_ISREG(os.fstat(handle).st_mode) else b""
    finally:
        os.close(handle)
