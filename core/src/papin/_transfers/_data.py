"""The file that a payload is received into, read and written at offsets.

Bytes that come faster than most disks write go past the page cache: copying them there and throwing other programs'
pages out for them costs as much as receiving them, and a disk that keeps up will also read them again as fast. What
comes more slowly stays in the cache, for whoever loads the model next.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path

SAFE = os.O_CLOEXEC | os.O_NOFOLLOW

_ALIGNED = 4096  # what a write past the page cache must be a multiple of, on every disk
_DIRECT = getattr(os, "O_DIRECT", 0)  # Linux
_Act = Callable[[int, Sequence[memoryview], int], int]


class DataFile:
    """An open file. Every method blocks and raises `OSError`; different places may be worked on at the same time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _open(path)
        self._direct: int | None = None
        self._may_be_direct = bool(_DIRECT)

    @property
    def size(self) -> int:
        """The length in bytes."""
        return os.fstat(self._file).st_size

    @property
    def free(self) -> int:
        """The bytes that are left on its disk."""
        disk = os.fstatvfs(self._file)
        return disk.f_bavail * disk.f_frsize

    def write(self, offset: int, views: Sequence[memoryview], *, direct: bool = False) -> None:
        """Write `views` one behind the other; `direct` past the page cache, where the disk lets it be done."""
        # What a short count leaves is written, once more and as a whole, the other way.
        if not (direct and self._do_direct(os.pwritev, offset, views)):
            write_all(self._file, offset, views)

    def _do_direct(self, act: _Act, offset: int, views: Sequence[memoryview]) -> bool:
        """Read or write past the page cache; return whether that was possible, and all of it was done."""
        if not self._may_be_direct or any(each % _ALIGNED for each in (offset, *map(len, views))):
            return False
        try:
            if self._direct is None:
                self._direct = self._open_direct()
            return act(self._direct, views, offset) == sum(map(len, views))
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            self._may_be_direct = False  # a file system in memory, or over a network
            return False

    def _open_direct(self) -> int:
        handle = os.open(self._path, os.O_RDWR | _DIRECT | SAFE)
        if os.path.sameopenfile(handle, self._file):
            return handle
        os.close(handle)
        raise OSError(errno.ESTALE, "the file was replaced by another one")

    def read(self, offset: int, view: memoryview, *, direct: bool = False) -> bool:
        """Fill `view`; return whether the file has that much. `direct` is for what was written so."""
        if direct and self._do_direct(os.preadv, offset, [view]):
            return True
        while view:
            count = os.preadv(self._file, [view], offset)
            if not count:
                return False
            offset += count
            view = view[count:]
        return True

    def copy(self, source: int, start: int, offset: int, count: int) -> bool:
        """Have the system copy from another open file, sharing blocks where it can; return whether it did all of it."""
        try:
            return os.copy_file_range(source, self._file, count, start, offset) == count
        except (AttributeError, OSError):  # not every system has it, and not for every two files
            return False

    def truncate(self, size: int) -> None:
        """Give it that length."""
        os.ftruncate(self._file, size)

    def sync_data(self) -> None:
        """Make the bytes durable, and what is needed to find them."""
        os.fdatasync(self._file)

    def sync(self) -> None:
        """Make everything about it durable."""
        os.fsync(self._file)

    def close(self) -> None:
        """Close it."""
        if self._direct is not None:
            os.close(self._direct)
        os.close(self._file)


def write_all(file: int, offset: int, views: Sequence[memoryview]) -> None:
    """Write `views` one behind the other into an open file, whatever a single call writes of them."""
    left = list(views)
    while left:
        count = os.pwritev(file, left, offset)
        offset += count
        while left and count >= len(left[0]):
            count -= len(left.pop(0))
        if left:
            left[0] = left[0][count:]


def _open(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | SAFE, 0o600)
    if os.fstat(handle).st_nlink == 1:
        return handle
    # A hard link to somebody's own file, from a source that turned out wrong: never write through it.
    os.close(handle)
    path.unlink()
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | SAFE, 0o600)
