"""What SQLite says, as papin's errors."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from papin.errors import DiskSpace, PapinError, RegistryFailed

__all__ = ["BUSY_SECONDS", "failure", "is_damage", "newer", "nonsense", "told", "understood"]

BUSY_SECONDS = 5.0
"""How long a lock of another process is waited for."""


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
# SQLITE_ERROR is a table or column that is missing: every statement of ours is right for the schema that it was given.
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
_CLOSED_TO_US = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH}


def nonsense() -> tuple[type[Exception], ...]:
    """Return what decoding a row raises when it is not what was written; asked for once something was raised."""
    import msgspec  # noqa: PLC0415  a list reads nothing that needs it

    return msgspec.MsgspecError, OverflowError, UnicodeDecodeError


def _code(error: sqlite3.Error) -> int | None:
    # The extended code tells more in its upper bits; an error that the binding raised by itself has none.
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether the file is no sound database (and not just locked, full or forbidden)."""
    # The binding's own operational errors, which have no code, are texts that are no UTF-8.
    return _code(error) in _DAMAGE or (_code(error) is None and isinstance(error, sqlite3.OperationalError))


def _damaged(file: Path, error: Exception) -> RegistryFailed:
    return RegistryFailed(
        f"The registry {file} is damaged: {error}",
        next_step="Run papin models list: it sets the damaged file aside and rebuilds it from the stored models.",
    )


def newer(file: Path, found: int, known: int) -> RegistryFailed:
    """Return the error for a schema that is newer than this version of papin."""
    return RegistryFailed(
        f"The registry {file} was written by a newer papin: its schema is {found}, this papin knows {known}",
        next_step="Update papin (pip install --upgrade papin), or set PAPIN_HOME to another folder.",
    )


def failure(error: sqlite3.Error, file: Path) -> PapinError | None:
    """Return papin's error for one of SQLite's, or None when it is a bug of ours."""
    code = _code(error)
    if code in _BUSY:
        return RegistryFailed(
            f"The registry {file} has been locked by another program for {BUSY_SECONDS:.0f} seconds",
            next_step="Try again; if it stays so, end the program that holds it (fuser shows which).",
        )
    if is_damage(error):
        return _damaged(file, error)
    if code == sqlite3.SQLITE_FULL:
        return DiskSpace(
            f"The registry {file} cannot grow: no space is left; nothing was changed",
            next_step="Free some space on that disk and try again.",
        )
    if code in _CLOSED_TO_US:
        return RegistryFailed(
            f"The registry {file} cannot be opened or written: {error}",
            next_step="Look at the permissions of the file and its folder, or set PAPIN_HOME to another folder.",
        )
    if code == sqlite3.SQLITE_IOERR:
        return RegistryFailed(
            f"The registry {file} cannot be read or written: {error}",
            next_step="Look whether the disk is full, gone or failing (dmesg), and try again.",
        )
    return None


def _disk_failure(error: OSError, file: Path) -> PapinError:
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return DiskSpace(
            f"The registry {file} cannot be changed: {reason}; nothing was changed",
            next_step="Free some space on that disk and try again.",
        )
    return RegistryFailed(
        f"The registry {file} cannot be read or written: {reason}",
        next_step="Look whether the disk is gone or failing (dmesg), and try again.",
    )


@contextmanager
def told(file: Path) -> Iterator[None]:
    """Turn what SQLite and the disk say into papin's errors; a wrong use of SQLite is a bug and propagates as it is."""
    try:
        yield
    except OSError as error:
        raise _disk_failure(error, file) from error
    except sqlite3.Error as error:
        ours = failure(error, file)
        if ours is None:
            raise
        raise ours from error


@contextmanager
def understood(file: Path) -> Iterator[None]:
    """Tell that the registry is damaged when what is read from it makes no sense; only around reading."""
    try:
        yield
    except nonsense() as error:
        raise _damaged(file, error) from error
