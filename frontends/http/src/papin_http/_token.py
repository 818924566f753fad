"""The token that clients must know, in a file that only this user can read."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from papin.errors import StorageFailed

__all__ = ["read_or_make"]

_BYTES = 32
_shape = re.compile(r"[A-Za-z0-9_-]{43}")


def _read(file: Path) -> str | None:
    """Return the token in `file`, or None when there is none that nobody else could have read or written."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as opened:
        status = os.fstat(descriptor)
        private = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077
        text = opened.read(1024).decode("ascii", "replace").strip() if private else ""
    return text if _shape.fullmatch(text) else None


def _make(file: Path) -> None:
    token = secrets.token_urlsafe(_BYTES)
    fresh = file.with_name(f".{file.name}-{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as opened:
        os.fchmod(descriptor, 0o600)
        opened.write(f"{token}\n")
        opened.flush()
        os.fsync(descriptor)
    fresh.replace(file)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other servers that start at this moment waiting, so that all of them get one token."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _ensure(folder: Path) -> str | None:
    file = folder / "token"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(folder):
        if _read(file) is None:
            _make(file)
        return _read(file)


def read_or_make(folder: Path) -> tuple[Path, str]:
    """Return the token file in `folder` and its token, made when there is none or when others could read it.

    Raises:
        StorageFailed: the folder or the file cannot be written, or not be kept private.
    """
    file = folder / "token"
    try:
        token = _ensure(folder)
    except OSError as error:
        raise StorageFailed(
            f"The token file {file} cannot be written: {error.strerror}.",
            next_step=f"Make {folder} a folder that you can write to, and start again.",
        ) from error
    if token is None:
        raise StorageFailed(
            f"The token file {file} cannot be kept private.",
            next_step="Use a file system with permissions: set PAPIN_HOME to a folder on one.",
        )
    return file, token
