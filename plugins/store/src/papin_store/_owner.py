"""Who has a staging area open, for file systems on which locks are granted to everybody.

The lock decides. This record is the second opinion: when the lock was granted although a living process says that it
has the area, locks do not work there, and two writers must not meet.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from papin.errors import Conflict
from papin.names import place
from papin_store._count import read_small
from papin_store._durable import NEW

_PROC = Path("/proc")
_STATE, _FLAGS, _START_TIME = 0, 6, 19
_EXITING = 4
_MOST = 4096


class Owner(msgspec.Struct, frozen=True):
    """A process: its number, when it started (in ticks since the boot), and which boot that was."""

    pid: int
    start: str
    boot: str


def _boot() -> str:
    return read_small(_PROC / "sys/kernel/random/boot_id", _MOST).decode("ascii", "replace").strip()


def _start(pid: int) -> str:
    """Return when a process started, or nothing when there is none or it is on its way out.

    A killed process is seen for a while after its locks are gone, and longer when nobody waits for it.
    """
    fields = read_small(_PROC / str(pid) / "stat", _MOST).rpartition(b") ")[2].split()
    if len(fields) <= _START_TIME or fields[_STATE] in {b"Z", b"X"} or int(fields[_FLAGS]) & _EXITING:
        return ""
    return fields[_START_TIME].decode("ascii", "replace")


def _is_alive(owner: Owner) -> bool:
    return bool(owner.start) and owner.boot == _boot() and owner.start == _start(owner.pid)


def claim(folder: Path) -> None:
    """Write down that this process has the area `folder` open.

    Raises:
        Conflict: a living process says so already.
    """
    path = place(folder, "owner")
    mine = Owner(pid=os.getpid(), start=_start(os.getpid()), boot=_boot())
    while True:
        try:
            handle = os.open(path, NEW, 0o600)
        except FileExistsError:
            _refuse_living(path)
            path.unlink(missing_ok=True)
            continue
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(mine))
        return


def claimant(folder: Path) -> Owner | None:
    """Return the living process that says that it has the area `folder` open."""
    try:
        owner = msgspec.json.decode(read_small(place(folder, "owner"), _MOST), type=Owner)
    except msgspec.DecodeError:
        return None  # it was cut off while it was written, or there is none
    return owner if _is_alive(owner) else None


def _refuse_living(path: Path) -> None:
    owner = claimant(path.parent)
    if owner is not None:
        raise Conflict(
            f"the process {owner.pid} has {path.parent} open, and yet its lock was granted: locks do not work there",
            next_step="Wait until that process is done, and keep the store on a disk of this machine.",
        )


def disclaim(folder: Path) -> None:
    """Take back what `claim` wrote."""
    place(folder, "owner").unlink(missing_ok=True)
