"""One payload under a second name: by reflink, else hard link, else symlink, and by a copy only when that is allowed.

    how = link(payload, folder / "model.gguf")

This is how a model becomes usable in another program without being stored twice, and how a file that is on this machine
already is taken over; `write` makes the small files beside it that such a program wants. The new name appears at once
with all its bytes or not at all, nothing is ever written through a link, and the source stays as it is. Everything here
blocks.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from papin._disk import disk_errors, sync_folder
from papin.errors import Conflict, StorageFailed
from papin.models import How

__all__ = ["is_same_file", "link", "write"]

_FICLONE = 0x40049409
_PIECE = 16 << 20
_BUFFER = 1 << 20
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_HERE = {errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.EPERM, errno.ENOSYS, errno.ETXTBSY}
_CANNOT_LINK = _NOT_HERE | {errno.EACCES, errno.EMLINK}


def _nothing(_: object = None) -> None:
    """Neither reserve nor stop nor note."""


def link(
    source: Path,
    target: Path,
    *,
    replace: bool = False,
    symlink: bool = True,
    allow_copy: bool = False,
    mode: int = 0o666,
    reserve: Callable[[int], None] = _nothing,
    check: Callable[[], None] = _nothing,
    note: Callable[[Path], None] = _nothing,
) -> How:
    """Give the content of the file `source` the name `target`; return how, durably.

    `source` may be a link to the file. `target` stands in a folder that exists. When it is the same file already that
    is told and nothing is done; anything else there is a conflict. With `replace` whatever is there makes place for a
    link that is made anew, the same file too, except a folder. `symlink` says whether a symlink will do. `mode` is for
    a file that has an inode of its own then (reflink, copy). `reserve` is told the bytes that a copy needs, and may
    raise; so may `check`, which is called before each piece of a copy.

    `note` is told the temporary name beside `target` twice: before anything has it, and when all is there, which then
    gets the name `target` and keeps its inode. Who records both finds exactly that after a crash. It may raise.

    Raises:
        StorageFailed: `source` is no regular file or cannot be read, or no way that is allowed works here.
        Conflict: something else is called `target`, and `replace` was not given.
        DiskSpace: it has to be copied and does not fit.
    """
    with disk_errors(str(source)):
        handle = _open_source(source)
    try:
        if not replace and is_same_file(handle, target):
            return "symlink" if target.is_symlink() else "hardlink"
        with disk_errors(str(target)), _aside(target) as aside:
            note(aside)
            how = _make(handle, source, aside, symlink=symlink, mode=mode)
            if how is None:
                _refuse_copy(source, target, allow_copy=allow_copy)
                reserve(os.fstat(handle).st_size)
                how = _copy(handle, aside, mode, check)
            note(aside)
            _publish(aside, target, replace=replace)
        return how
    finally:
        os.close(handle)


def is_same_file(file: int | Path, other: Path) -> bool:
    """Tell whether two names, or an open file and a name, lead to the same inode; False when one is not there."""
    try:
        return os.path.samestat(os.fstat(file) if isinstance(file, int) else file.stat(), other.stat())
    except OSError:
        return False


def _open_source(path: Path) -> int:
    """Open a regular file for reading; never waits (a pipe), never reads a device."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise StorageFailed(f"{path} is not a regular file", next_step="Give the path of a model file.")
    return handle


def write(target: Path, data: bytes, *, replace: bool = False, mode: int = 0o666, aside: Path | None = None) -> None:
    """Make `data` the content of `target`, durably: at every instant there is all of it, or what was there before.

    `target` stands in a folder that exists. It is written in the folder `aside` of the same file system, for programs
    that take every file beside `target` for one of theirs; otherwise beside it.

    Raises:
        Conflict: something is called `target` already, and `replace` was not given.
        StorageFailed, DiskSpace: it cannot be written.
    """
    with disk_errors(str(target)), _aside((aside or target.parent) / target.name) as made:
        with os.fdopen(os.open(made, _NEW, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _publish(made, target, replace=replace)


@contextmanager
def _aside(target: Path) -> Iterator[Path]:
    aside = target.with_name(f".papin-{secrets.token_hex(8)}.tmp")
    try:
        yield aside
    finally:
        aside.unlink(missing_ok=True)  # also after a rename onto another name of the same inode, which does nothing


def _publish(aside: Path, target: Path, *, replace: bool) -> None:
    try:
        if replace:
            aside.rename(target)
        else:
            _rename_to_free(aside, target)
    except FileExistsError as error:
        raise Conflict(
            f"{target} is there already, and is another file",
            next_step="Choose another name, or move that file away.",
        ) from error
    sync_folder(target.parent)


def _rename_to_free(aside: Path, target: Path) -> None:
    try:
        os.link(aside, target, follow_symlinks=False)  # unlike rename, this never replaces anything
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from error
        aside.rename(target)


def _make(source: int, path: Path, aside: Path, *, symlink: bool, mode: int) -> How | None:
    if _reflink(source, aside, mode):
        return "reflink"
    if _hard_link(source, path, aside):
        return "hardlink"
    if symlink and _symlink(source, path, aside):
        return "symlink"
    return None


def _reflink(source: int, aside: Path, mode: int) -> bool:
    target = os.open(aside, _NEW, mode)
    try:
        fcntl.ioctl(target, _FICLONE, source)
        os.fsync(target)
    except OSError as error:
        aside.unlink()
        if error.errno in _NOT_HERE:
            return False
        raise
    finally:
        os.close(target)
    return True


def _hard_link(source: int, path: Path, aside: Path) -> bool:
    try:
        os.link(path.resolve(), aside)
    except OSError as error:
        if error.errno in _CANNOT_LINK:
            return False
        raise
    if is_same_file(source, aside):
        return True
    aside.unlink()  # the name was given to another file meanwhile
    return False


def _symlink(source: int, path: Path, aside: Path) -> bool:
    try:
        aside.symlink_to(path.resolve())
    except OSError as error:
        if error.errno in _CANNOT_LINK:
            return False
        raise
    if is_same_file(source, aside):
        return True
    aside.unlink()
    return False


def _refuse_copy(source: Path, target: Path, *, allow_copy: bool) -> None:
    if not allow_copy:
        raise StorageFailed(
            f"{target} cannot be a link to {source}: their file systems do not allow it",
            next_step="Allow a copy, which takes the space a second time (--copy).",
        )


def _copy(source: int, aside: Path, mode: int, check: Callable[[], None]) -> How:
    target = os.open(aside, _NEW, mode)
    try:
        _copy_pieces(source, target, os.fstat(source).st_size, check)
        os.fsync(target)
    finally:
        os.close(target)
    return "copy"


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
