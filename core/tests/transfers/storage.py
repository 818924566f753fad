"""A small storage over a folder: what `papin._transfers` needs of one, and no more."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from papin import locks
from papin.errors import DiskSpace
from papin.names import place


@dataclass
class Area:
    key: str
    folder: Path
    data: Path


class Folder:
    """Payloads in `blobs/`, staging areas in `incoming/`. `how` is how local files are taken."""

    def __init__(self, root: Path, *, how: str = "copy", room: int | None = None) -> None:
        self.root = root
        self.how = how
        self.room = room
        self.reserved: list[int] = []
        for name in ("blobs", "incoming"):
            (root / name).mkdir(parents=True, exist_ok=True)

    @property
    def staged(self) -> dict[str, int]:
        """Key and size of everything that is staged."""
        return {
            area.name: (area / "data").stat().st_size
            for area in (self.root / "incoming").iterdir()
            if (area / "data").exists()
        }

    @asynccontextmanager
    async def stage(self, key: str, *, size: int | None) -> AsyncIterator[Area]:
        folder = place(self.root, "incoming", key)
        folder.mkdir(exist_ok=True)
        async with locks.hold(folder / "lock"):
            area = Area(key, folder, folder / "data")
            if size is not None:
                await self.reserve(area, size=size)
            area.data.touch()
            yield area

    async def reserve(self, staging: Area, *, size: int) -> None:
        self.reserved.append(size)
        if self.room is not None and size > self.room:
            raise DiskSpace("no room", next_step="make some")

    async def take(self, staging: Area, path: Path) -> str:
        staging.data.unlink(missing_ok=True)
        (os.link if self.how == "hardlink" else shutil.copyfile)(path, staging.data)
        return self.how

    async def admit(self, staging: Area, *, sha256: str, size: int, replaces: bool = False) -> Path:
        assert staging.data.stat().st_size == size
        payload = place(self.root, "blobs", sha256)
        staging.data.rename(payload)
        (staging.folder / "notes").unlink(missing_ok=True)
        return payload

    async def locate(self, sha256: str) -> Path | None:
        payload = place(self.root, "blobs", sha256)
        return payload if payload.exists() else None
