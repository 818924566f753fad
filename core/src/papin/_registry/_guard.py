"""The lock beside the database under which its file is replaced.

Whoever changes something holds it shared for the moment of the transaction; whoever makes, migrates or sets the file
aside holds it alone. So no change can be acknowledged into a file that is no longer the registry.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from papin._registry._files import open_beside
from papin.errors import RegistryFailed

if sys.platform != "win32":
    import fcntl

__all__ = ["Guard"]

_SECONDS = 30.0
_PAUSE = 0.01


class Guard:
    """The lock of one database. One thread at a time."""

    def __init__(self, file: Path) -> None:
        """Open, and make if need be, the lock file beside `file`.

        Raises:
            RegistryFailed: its folder cannot be written.
        """
        self._file = file
        self._fd = open_beside(file, "-guard")

    def close(self) -> None:
        """Let go of it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold it together with others.

        Raises:
            RegistryFailed: somebody else held it alone for too long.
        """
        self._acquire(exclusive=False)
        try:
            yield
        finally:
            self._release()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold it alone.

        Raises:
            RegistryFailed: somebody else held it for too long.
        """
        self._acquire(exclusive=True)
        try:
            yield
        finally:
            self._release()

    @contextmanager
    def exclusive_now(self) -> Iterator[bool]:
        """Hold it alone if nobody has it now; tell whether."""
        held = self._try(exclusive=True)
        try:
            yield held
        finally:
            if held:
                self._release()

    # Where there is no flock, SQLite's own locks are all there is: enough, but for two processes that find the same
    # damaged file in the same instant.
    if sys.platform == "win32":

        def _acquire(self, *, exclusive: bool) -> None:
            del exclusive

        def _try(self, *, exclusive: bool) -> bool:
            return exclusive

        def _release(self) -> None:
            return

    else:

        def _acquire(self, *, exclusive: bool) -> None:
            end = time.monotonic() + _SECONDS
            # flock cannot be bounded in time, so it is tried; nearly always the first try gets it.
            while not self._try(exclusive=exclusive):
                if time.monotonic() > end:
                    raise RegistryFailed(
                        f"The registry has been held by another papin for {_SECONDS:.0f} seconds ({self._file})",
                        next_step="Try again when it is done, or end it.",
                    )
                time.sleep(_PAUSE)

        def _try(self, *, exclusive: bool) -> bool:
            kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
            try:
                fcntl.flock(self._fd, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        def _release(self) -> None:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
