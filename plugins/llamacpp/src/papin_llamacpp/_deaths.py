"""Waiting for an engine's host to end, and making it end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from pathlib import Path

import trio

from papin.errors import ProviderFailed
from papin_llamacpp._records import Engines
from papin_llamacpp._spec import Record

__all__ = ["stop", "wait_until_dead"]

_PATIENCE = 5.0
# Each engine that is waited for has a thread that sleeps in the kernel.
_WAITERS = trio.CapacityLimiter(1000)


def _wait(lock: Path) -> str:
    try:
        fd = os.open(lock, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:  # it is gone, and maybe the whole folder
        return ""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH)
        return os.pread(fd, 16, 0).decode(errors="replace")
    finally:
        os.close(fd)


async def wait_until_dead(engines: Engines, engine: str) -> str:
    """Wait until the host of `engine` is gone and its memory free; return its last word (`idle`, `asked`), or ""."""
    lock = engines.path(engine, ".lock")
    return await trio.to_thread.run_sync(_wait, lock, abandon_on_cancel=True, limiter=_WAITERS)


async def stop(engines: Engines, record: Record) -> None:
    """End the host of `record`, politely and then by force, and remove its files.

    Raises:
        ProviderFailed: the system cannot end it.
    """
    for word in (signal.SIGTERM, signal.SIGKILL):
        _send(engines, record, word)
        with trio.move_on_after(_PATIENCE):
            await wait_until_dead(engines, record.engine)
            engines.forget(record.engine)
            return
    raise ProviderFailed(
        f"The engine of {record.model} (process {record.pid}) does not end",
        next_step="It is most likely stuck in a driver; restart the machine to get its memory back.",
    )


def _send(engines: Engines, record: Record, word: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        if not hasattr(os, "pidfd_open"):
            if engines.is_alive(record.engine):
                os.kill(record.pid, word)
            return
        # The descriptor stands for one process; if the lock is held after it was opened, that process is the host.
        process = os.pidfd_open(record.pid)
        try:
            if engines.is_alive(record.engine):
                signal.pidfd_send_signal(process, word)
        finally:
            os.close(process)
