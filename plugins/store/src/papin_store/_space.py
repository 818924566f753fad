"""Space on disk: what is there, what is promised to open staging areas, and whether more fits.

A staging area that is open and wants `size` bytes says so in its file `wanted`. What of that is not on disk yet is
promised, and counts as used for everybody who asks after. Asking and promising happen under one lock of the store.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator

from papin.errors import DiskSpace
from papin.locks import is_free
from papin.names import place
from papin.sizes import size_text
from papin.storages import Account, Room
from papin_store._count import count_folder, present, read_small
from papin_store._layout import Layout
from papin_store._payloads import size_of
from papin_store.settings import StoreSettings

_LARGEST_RESERVE = 1 << 30
_RESERVE_PART = 20
_DIGITS = 20


def reserve_of(settings: StoreSettings, total: int) -> int:
    """Return the bytes that always stay free on a file system of `total` bytes."""
    if settings.reserve is not None:
        return settings.reserve
    return min(_LARGEST_RESERVE, total // _RESERVE_PART)


def _promises(layout: Layout, *, besides: Collection[str]) -> Iterator[int]:
    for key in layout.staged():
        if key in besides:
            continue
        folder = layout.staging(key)
        wanted = read_small(place(folder, "wanted"), _DIGITS)
        if wanted.isdigit() and not is_free(place(folder, "lock")):
            yield max(0, int(wanted) - present(place(folder, "data")))


def _staged(layout: Layout) -> int:
    """Return the bytes of unfinished payloads; the small notes beside them count for nobody."""
    return sum(size_of(place(layout.staging(key), "data")) or 0 for key in layout.staged())


def look(layout: Layout, settings: StoreSettings, *, besides: Collection[str] = ()) -> Room:
    """Return the room that there is, not counting what is promised to the staging areas `besides`."""
    disk = os.statvfs(layout.root)
    total = disk.f_blocks * disk.f_frsize
    used = 0
    if settings.limit is not None:
        used = count_folder(layout.blobs).used + _staged(layout)
    return Room(
        path=str(layout.root),
        free=disk.f_bavail * disk.f_frsize,
        total=total,
        reserve=reserve_of(settings, total),
        promised=sum(_promises(layout, besides=besides)),
        limit=settings.limit,
        used=used,
    )


def _refuse(needed: int, room: Room) -> DiskSpace:
    parts = [f"{size_text(room.free)} free", f"{size_text(room.reserve)} kept in reserve"]
    if room.promised:
        parts.append(f"{size_text(room.promised)} promised to other downloads")
    if room.limit is not None:
        parts.append(f"{size_text(room.used)} of the limit of {size_text(room.limit)} used")
    usable = size_text(max(0, room.left))
    return DiskSpace(
        f"{size_text(needed)} are needed in {room.path}, and {usable} may be used: {', '.join(parts)}",
        next_step="Remove a model (papin models list shows sizes), or set storages.store.path to a larger disk"
        + (", or raise storages.store.limit." if room.limit is not None else ", or lower storages.store.reserve."),
    )


def promise(layout: Layout, settings: StoreSettings, key: str, size: int) -> None:
    """Promise `size` bytes, less what is there, to the staging area `key`. The caller holds the space lock.

    Raises:
        DiskSpace: they do not fit.
    """
    folder = layout.staging(key)
    needed = max(0, size - present(place(folder, "data")))
    if needed:
        room = look(layout, settings, besides=(key,))
        if needed > room.left:
            raise _refuse(needed, room)
    place(folder, "wanted").write_text(str(size), "ascii")


def account(layout: Layout, settings: StoreSettings) -> Account:
    """Count what the store holds."""
    disk = os.statvfs(layout.root)
    total = disk.f_blocks * disk.f_frsize
    payloads = count_folder(layout.blobs)
    return Account(
        path=str(layout.root),
        payloads=payloads.files,
        used=payloads.used,
        staging=_staged(layout),
        free=disk.f_bavail * disk.f_frsize,
        total=total,
        limit=settings.limit,
        reserve=reserve_of(settings, total),
    )
