"""Which process owns a job, told apart from a later one that got the same process id.

On Linux that is the id of the boot and the start time in clock ticks since then: neither moves when somebody sets the
clock. Elsewhere it is the time at which the system says the process was created.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from papin.errors import RegistryFailed

__all__ = ["Owner", "is_alive", "this_process", "wait_gone"]

_PROC = Path("/proc")
_START_FIELD = 19  # starttime, the 22nd field of /proc/PID/stat, counted after the name's closing bracket (proc(5))
_DEAD_STATES = "ZXx"
_LOOK = 0.1  # seconds between two looks at a process that nobody waits for


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """A process: its id, the boot that it belongs to (empty where the system has no such id), and its start."""

    pid: int
    boot: str
    started: int


def this_process() -> Owner:
    """Return this process.

    Raises:
        RegistryFailed: the system does not tell, because this process may open no more files, say.
    """
    pid = os.getpid()
    try:
        return Owner(pid=pid, boot=_boot(), started=_started(pid) or 0)
    except OSError as error:
        raise RegistryFailed(
            f"The system does not tell when this process began: {error.strerror or error}",
            next_step="Let it have more files open (ulimit -n), then try again.",
        ) from error


def is_alive(owner: Owner) -> bool:
    """Tell whether that very process still runs."""
    return owner.boot == _boot() and _started(owner.pid) == owner.started


def wait_gone(owner: Owner) -> None:
    """Return once that process has ended; blocks until then, in a thread that may be left to itself."""
    import psutil  # noqa: PLC0415  slow to import, and seldom needed

    try:
        process = psutil.Process(owner.pid)
        while is_alive(owner):  # one that has ended but was not waited for by its parent is over, too
            with suppress(psutil.TimeoutExpired):
                process.wait(_LOOK)
    except psutil.NoSuchProcess:
        return


def _boot() -> str:
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip() if sys.platform == "linux" else ""


def _started(pid: int) -> int | None:
    if sys.platform != "linux":
        return _created(pid)
    try:
        # Bytes: the name of a program, which stands in brackets, may be anything.
        fields = (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0].decode() in _DEAD_STATES else int(fields[_START_FIELD])


def _created(pid: int) -> int | None:
    import psutil  # noqa: PLC0415  slow to import, and not needed on Linux

    try:
        return int(psutil.Process(pid).create_time() * 1000)
    except psutil.NoSuchProcess:
        return None
