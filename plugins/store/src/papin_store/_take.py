"""Taking over a file that is on this machine already: by reflink, else by hard link, else by a copy."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path

from papin.errors import StorageFailed
from papin.storages import How
from papin_store._durable import NEW

_FICLONE = 0x40049409
_PIECE = 16 << 20
_BUFFER = 1 << 20
_NOT_HERE = {errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.EPERM, errno.ENOSYS, errno.ETXTBSY}
_CANNOT_LINK = _NOT_HERE | {errno.EACCES, errno.EMLINK}


def open_source(path: Path) -> int:
    """Open a regular file for reading; never waits (a pipe), never reads a device.

    Raises:
        StorageFailed: it is not a regular file.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise StorageFailed(f"{path} is not a regular file", next_step="Give the path of a model file.")
    return handle


def take(source: int, path: Path, data: Path, *, reserve: Callable[[int], None], check: Callable[[], None]) -> How:
    """Make `data` have the content of the open file `source`, which is at `path`.

    `reserve` is told the bytes that a copy would need and raises when they do not fit; `check` raises to stop a copy.
    """
    data.unlink(missing_ok=True)
    if _reflink(source, data):
        return "reflink"
    if _hard_link(source, path, data):
        return "hardlink"
    reserve(os.fstat(source).st_size)
    _copy(source, data, check)
    return "copy"


def _reflink(source: int, data: Path) -> bool:
    target = os.open(data, NEW, 0o600)
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as error:
        data.unlink()
        if error.errno in _NOT_HERE:
            return False
        raise
    finally:
        os.close(target)
    return True


def _hard_link(source: int, path: Path, data: Path) -> bool:
    try:
        os.link(path.resolve(), data)
    except OSError as error:
        if error.errno in _CANNOT_LINK:
            return False
        raise
    if os.path.samestat(os.fstat(source), data.lstat()):
        return True
    data.unlink()  # the name was given to another file meanwhile
    return False


def _copy(source: int, data: Path, check: Callable[[], None]) -> None:
    target = os.open(data, NEW, 0o600)
    try:
        _copy_pieces(source, target, os.fstat(source).st_size, check)
    except BaseException:
        data.unlink()
        raise
    finally:
        os.close(target)


def _copy_pieces(source: int, target: int, size: int, check: Callable[[], None]) -> None:
    done = 0
    move = _by_kernel
    while done < size:
        check()
        try:
            count = move(source, target, min(_PIECE, size - done))
        except OSError as error:
            if move is _by_hand or error.errno not in _NOT_HERE:
                raise
            move = _by_hand
            os.lseek(source, done, os.SEEK_SET)
            continue
        if not count:
            raise StorageFailed(
                f"the file ended after {done} of {size} bytes while it was copied",
                next_step="Something else changes it: wait until that is done, then try again.",
            )
        done += count


def _by_kernel(source: int, target: int, count: int) -> int:
    copy: Callable[[int, int, int], int] | None = getattr(os, "copy_file_range", None)
    if copy is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    return copy(source, target, count)


def _by_hand(source: int, target: int, count: int) -> int:
    piece = os.read(source, min(count, _BUFFER))
    view = memoryview(piece)
    while view:
        view = view[os.write(target, view) :]
    return len(piece)
