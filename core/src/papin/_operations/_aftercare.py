"""What is done once a model is installed: old leftovers are swept, and a disk that fills up is told of in time."""

from __future__ import annotations

import time

from papin._operations._services import Services
from papin.events import DiskSpaceLow
from papin.storages import Room

_FRACTION = 0.05
_ENOUGH = 10_000_000_000
_ABANDONED = 30 * 24 * 3600.0


def is_low(room: Room) -> bool:
    """Tell whether less than 5 % and less than 10 GB of the file system are free."""
    return room.free < min(_ENOUGH, room.total * _FRACTION)


async def look_after(services: Services) -> None:
    """Sweep what nobody went on with for a month, and journal a warning when the file system is nearly full."""
    storage = await services.storage()
    await storage.sweep(before=time.time() - _ABANDONED)
    room = await storage.room()
    if is_low(room):
        event = DiskSpaceLow(path=room.path, free=room.free)
        await services.records.change(lambda write: write.journal(event))
