"""A lock between processes: a file held by flock, which the operating system frees when its holder dies."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import trio

__all__ = ["hold", "hold_any", "is_free"]

# One waiting thread for each lock that is waited for; they sleep in the kernel and cost nothing.
_WAITERS = trio.CapacityLimiter(1000)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _is_current(fd: int, path: Path) -> bool:
    # A lock file that was removed and made again while we waited is another lock.
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def _try(path: Path, how: int = fcntl.LOCK_EX) -> int | None:
    fd = _open(path)
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    if _is_current(fd, path):
        return fd
    os.close(fd)
    return None


class _Waiter:
    """Waits in a thread; a waiter that was given up closes what it gets."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mutex = threading.Lock()
        self._given_up = False
        self._fd: int | None = None

    def wait(self) -> int:
        while True:
            fd = _open(self._path)
            fcntl.flock(fd, fcntl.LOCK_EX)
            with self._mutex:
                if not self._given_up and _is_current(fd, self._path):
                    self._fd = fd
                    return fd
            os.close(fd)
            if self._given_up:
                return -1

    def give_up(self) -> None:
        with self._mutex:
            self._given_up = True
            if self._fd is not None:
                os.close(self._fd)


async def _acquire(path: Path) -> int:
    await trio.lowlevel.checkpoint()
    fd = _try(path)
    if fd is not None:
        return fd
    waiter = _Waiter(path)
    try:
        return await trio.to_thread.run_sync(waiter.wait, abandon_on_cancel=True, limiter=_WAITERS)
    except trio.Cancelled:
        waiter.give_up()
        raise


@asynccontextmanager
async def hold(path: Path) -> AsyncIterator[None]:
    """Hold the lock `path` (made if need be; its folder must exist), waiting until every other process let go of it.

    Waiting is cancellable at once. The file is left in place.

    Raises:
        OSError: the file cannot be opened.
    """
    fd = await _acquire(path)
    try:
        yield
    finally:
        os.close(fd)


@asynccontextmanager
async def hold_any(paths: Sequence[Path], on_wait: Callable[[], None]) -> AsyncIterator[None]:
    """Hold one of the locks `paths`, whichever is free first; `on_wait` is called when none is free at once.

    Raises:
        OSError: a file cannot be opened.
    """
    fd = await _acquire_any(paths, on_wait)
    try:
        yield
    finally:
        os.close(fd)


async def _acquire_any(paths: Sequence[Path], on_wait: Callable[[], None]) -> int:
    await trio.lowlevel.checkpoint()
    for path in paths:
        fd = _try(path)
        if fd is not None:
            return fd
    on_wait()
    won: list[int] = []
    errors: list[OSError] = []
    try:
        async with trio.open_nursery() as nursery:

            async def wait(path: Path) -> None:
                try:
                    won.append(await _acquire(path))
                except OSError as error:
                    errors.append(error)
                nursery.cancel_scope.cancel()

            for path in paths:
                nursery.start_soon(wait, path)
    except BaseException:
        _close(won)
        raise
    if not won:
        raise errors[0]
    _close(won[1:])  # two came at the same moment
    return won[0]


def _close(fds: Sequence[int]) -> None:
    for fd in fds:
        os.close(fd)


def is_free(path: Path) -> bool:
    """Tell whether nobody holds the lock `path` now."""
    if not path.exists():
        return True
    fd = _try(path, fcntl.LOCK_SH)  # shared, so that two that ask at once do not take each other for a holder
    if fd is None:
        return False
    os.close(fd)
    return True
