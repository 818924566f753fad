"""Staging areas: `incoming/<key>/` with `data`, `lock`, `wanted` and the notes of whoever fills it."""

from __future__ import annotations

import math
import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from papin.errors import StorageFailed
from papin.names import place
from papin_store._durable import NEW, make_folder
from papin_store._layout import Layout
from papin_store._locks import try_hold
from papin_store._owner import claim, claimant, disclaim


@dataclass(frozen=True, slots=True)
class Area:
    """An open staging area: a `papin.storages.Staging`."""

    key: str
    folder: Path
    data: Path


def lock_file(layout: Layout, key: str) -> Path:
    """Return the file whose lock makes a staging area ours; its folder is made when it is missing."""
    folder = layout.staging(key)
    make_folder(folder)
    return place(folder, "lock")


def prepare(layout: Layout, key: str) -> Area:
    """Return the area `key`, whose lock we hold, with a `data` that nothing but this area is linked to."""
    folder = layout.staging(key)
    claim(folder)
    data = place(folder, "data")
    try:
        status = data.lstat()
    except FileNotFoundError:
        status = None
    if status is not None and (status.st_nlink > 1 or not stat.S_ISREG(status.st_mode)):
        # A hard link to the user's own file, from an import that was cut off: never write through it.
        _drop(data, status)
        status = None
    if status is None:
        os.close(os.open(data, NEW, 0o600))
    return Area(key, folder, data)


def _drop(data: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise StorageFailed(
            f"{data} is a folder, where a file belongs",
            next_step="papin did not make it: move it away, then try again.",
        )
    data.unlink()


def release(area: Area) -> None:
    """Tidy up an area whose lock we still hold: when nothing is left to resume from, it goes away."""
    place(area.folder, "wanted").unlink(missing_ok=True)
    if _resumable(area.data):
        disclaim(area.folder)
    else:
        clear(area.folder)


def _resumable(data: Path) -> bool:
    try:
        return data.lstat().st_size > 0
    except FileNotFoundError:
        return False


def clear(folder: Path) -> int:
    """Remove a staging area whose lock we hold; return the bytes that this freed."""
    freed = 0
    for path in folder.iterdir():
        status = path.lstat()
        if stat.S_ISDIR(status.st_mode):
            shutil.rmtree(path)
        elif path.name != "lock":
            freed += status.st_size if status.st_nlink == 1 else 0
            path.unlink()
    place(folder, "lock").unlink(missing_ok=True)  # last: from here on another opener makes a lock of its own
    try:
        folder.rmdir()
    except OSError:
        return freed  # that opener is at it already
    return freed


def discard(layout: Layout, key: str) -> int:
    """Remove the area `key` unless somebody has it open. The caller holds the space lock."""
    folder = layout.staging(key)
    with try_hold(place(folder, "lock")) as ours:
        return clear(folder) if ours else 0


def tidy(layout: Layout) -> None:
    """Remove the areas of killed processes in which nothing is left to resume from."""
    for key in layout.staged():
        folder = layout.staging(key)
        with try_hold(place(folder, "lock")) as ours:
            if ours and claimant(folder) is None and not _resumable(place(folder, "data")):
                clear(folder)


def stale(layout: Layout, before: float) -> list[str]:
    """Return the keys of the areas that nothing was written to since `before` (seconds of the epoch)."""
    return [key for key in layout.staged() if _changed(layout.staging(key)) < before]


def _changed(folder: Path) -> float:
    try:
        return max((path.lstat().st_mtime for path in folder.iterdir()), default=0.0)
    except FileNotFoundError:
        return math.inf  # somebody is at it just now
