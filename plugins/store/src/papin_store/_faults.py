"""Turns what the operating system says into papin's errors."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from papin.errors import DiskSpace, PapinError, StorageFailed

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

_RIGHTS = "Give your user the right to read and write there, or set storages.store.path to another folder."
_NEXT_STEPS = {
    errno.EROFS: "The file system is read-only: mount it writable, or set storages.store.path to another folder.",
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EIO: "The disk could not read or write. Look into the system's log and check the disk before going on.",
    errno.ENOENT: "A folder has vanished: see that the disk is mounted, then try again.",
    errno.ENOTDIR: "Something else stands where papin keeps a folder: move it away, then try again.",
    errno.EISDIR: "A folder stands where papin keeps a file: move it away, then try again.",
    errno.ELOOP: "A link stands where papin keeps a file: move it away, then try again.",
    errno.EMFILE: "Too many files are open: raise the limit (ulimit -n) or do less at once.",
    errno.ENFILE: "Too many files are open on this machine: close some programs, then try again.",
}


def explain(error: OSError, doing: str, path: Path) -> PapinError:
    """Return the error of papin for `error`, met while `doing` something with `path`."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    message = f"could not {doing} {path}: {reason}"
    if error.errno in _FULL:
        step = "Free some space (papin models list shows sizes, papin models remove frees them), then try again."
        return DiskSpace(message, next_step=step)
    step = _NEXT_STEPS.get(error.errno or 0, "Check the folder and the disk, then try again.")
    return StorageFailed(message, next_step=step)


@contextmanager
def told(doing: str, path: Path) -> Iterator[None]:
    """Raise `StorageFailed` or `DiskSpace` instead of an `OSError` from inside."""
    try:
        yield
    except OSError as error:
        raise explain(error, doing, path) from error
