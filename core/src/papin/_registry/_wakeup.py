"""Waking those who follow the registry in other processes, without anybody polling.

Each follower has a FIFO in `<run>/followers/` and waits until it can be read; whoever commits a change writes a byte
into each of them without ever waiting. What the byte means is nothing but "look again": a full FIFO needs no other,
and one that nobody reads any more (its follower was killed) is removed by whoever finds it. The followers of the own
process are woken through what they have open already, so that a process that may open no more files hears itself.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from papin._paths import make_folder
from papin.errors import StorageFailed

__all__ = ["Follower", "wake"]

_FOLDER = "followers"
_UNFINISHED = "."  # what a name begins with while its FIFO has no reader yet
_WITHOUT_FIFO = 0.25  # seconds between two looks where the system has no FIFOs

_own: dict[str, int] = {}  # the FIFOs of this process that can be read, and what each is written to by
_mutex = threading.Lock()


def wake(run: Path) -> None:
    """Wake every follower. Never waits and never fails: who misses it reads the state at the next change.

    A follower of this process misses nothing.
    """
    folder = str(run / _FOLDER)
    awake = _wake_own(folder)
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(_UNFINISHED) and entry.path not in awake:
                _wake(entry.path)


def _wake_own(folder: str) -> Collection[str]:
    with _mutex:
        awake = {path: writer for path, writer in _own.items() if os.path.dirname(path) == folder}  # noqa: PTH120
        for writer in awake.values():
            _write(writer)
    return awake


def _write(writer: int) -> None:
    with suppress(BlockingIOError, BrokenPipeError):
        os.write(writer, b"\0")


def _wake(path: str) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:  # no reader: it died
            with suppress(OSError):
                os.unlink(path)  # noqa: PTH108  a string from scandir
        return
    try:
        if stat.S_ISFIFO(os.fstat(fd).st_mode):
            _write(fd)
    finally:
        os.close(fd)


class Follower:
    """Somebody who wants to look again after each change of the registry.

    Make it first, then read the state, and after each wake-up drain it first and then read the state: so nothing is
    missed. Where the system has no FIFOs `fileno` is -1 and `wait` returns after a short while each time.
    """

    def __init__(self, run: Path) -> None:
        """Begin to follow.

        Raises:
            StorageFailed: the folder cannot be made, or nothing in it.
        """
        folder = make_folder(make_folder(run) / _FOLDER)
        self._fds: tuple[int, ...] = ()
        if hasattr(os, "mkfifo"):
            self._path = folder / os.urandom(8).hex()
            try:
                self._fds = _open_fifo(self._path)
            except OSError as error:
                raise StorageFailed(
                    f"The folder {folder} cannot be used: {error.strerror}",
                    next_step="Look at the space on its disk and at its permissions.",
                ) from error
            with _mutex:
                _own[str(self._path)] = self._fds[1]

    def fileno(self) -> int:
        """Return what becomes readable when there is something to look at."""
        return self._fds[0] if self._fds else -1

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for a change, or that long; return whether it is worth looking. Blocks its thread."""
        if self._fds:
            poll = select.poll()
            poll.register(self._fds[0], select.POLLIN)
            return bool(poll.poll(None if seconds is None else seconds * 1000))
        time.sleep(_WITHOUT_FIFO if seconds is None else min(seconds, _WITHOUT_FIFO))
        return True

    def drain(self) -> None:
        """Forget the wake-ups so far."""
        if self._fds:
            with suppress(BlockingIOError):
                while os.read(self._fds[0], 1 << 16):
                    continue

    def close(self) -> None:
        """Stop following."""
        if self._fds:
            with _mutex:
                del _own[str(self._path)]
            with suppress(OSError):  # whoever writes next finds nobody there, and removes it
                self._path.unlink()
            for fd in self._fds:
                os.close(fd)
            self._fds = ()


def _open_fifo(path: Path) -> tuple[int, int]:
    # It gets its name when it has a reader: otherwise a writer might find it without one, and remove it.
    unfinished = path.with_name(_UNFINISHED + path.name)
    os.mkfifo(unfinished, 0o600)
    fds: list[int] = []
    try:
        fds.append(os.open(unfinished, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        # Our own writer keeps it from looking ended (and readable for ever) whenever the last other writer closed it.
        fds.append(os.open(unfinished, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        unfinished.rename(path)
    except OSError:
        for fd in fds:
            os.close(fd)
        unfinished.unlink()
        raise
    return fds[0], fds[1]
