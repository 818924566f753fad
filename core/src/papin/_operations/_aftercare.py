"""What is done once a model is installed: old leftovers are swept, and a disk that fills up is told of in time."""

from __future__ import annotations

import time

import msgspec

from papin._operations._services import Services
from papin._registry import this_process
from papin.events import DiskSpaceLow
from papin.storages import Room

_FRACTION = 0.05
_ENOUGH = 10_000_000_000
_ABANDONED = 30 * 24 * 3600.0
_APART = 24 * 3600.0


def is_low(room: Room) -> bool:
    """Tell whether less than 5 % and less than 10 GB of the file system are free."""
    return room.free < min(_ENOUGH, room.total * _FRACTION)


class Look(msgspec.Struct, frozen=True):
    """A look at a storage: in which boot, how many seconds after it, and what was abandoned by the clock of then."""

    boot: str
    up: float
    before: float


def sweepable(last: Look | None, look: Look) -> tuple[float | None, Look]:
    """Return before when what is to be swept was changed, or None for nothing; and the look to remember.

    What is abandoned has to be so in two looks with a boot or a day in between, so that a clock that was wrong once
    costs nobody a download.
    """
    if last is None:
        return None, look
    if last.boot == look.boot and 0 <= look.up - last.up < _APART:
        return None, last
    return min(last.before, look.before), look


def _look() -> Look:
    up = time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
    return Look(boot=this_process().boot, up=up, before=time.time() - _ABANDONED)


async def look_after(services: Services) -> None:
    """Sweep what nobody went on with for a month, and journal a warning when the file system is nearly full."""
    storage = await services.storage()
    last = await services.records.read(lambda read: read.last_look())
    before, look = sweepable(msgspec.json.decode(last, type=Look) if last else None, _look())
    if before is not None:
        await storage.sweep(before=before)
    if before is not None or not last:
        await services.records.change(lambda write: write.set_last_look(msgspec.json.encode(look).decode()))
    room = await storage.room()
    if is_low(room):
        event = DiskSpaceLow(path=room.path, free=room.free)
        await services.records.change(lambda write: write.journal(event))
