"""What a storage plugin implements: the place where model bytes live.

The kernel writes into a staging area that the storage gives it, verifies, and has the storage admit the result under
its digest. The order is never another one: reserve, write to staging, fsync, verify, rename, fsync the folder, record.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from papin.context import Context, NoSettings
from papin.models import How, Model

__all__ = ["Account", "Room", "Staging", "Storage", "StorageSession", "hash_file"]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What a storage holds, in bytes, each inode counted once.

    `payloads` is how many payloads there are and `used` their bytes; `staging` is what unfinished downloads take.
    `limit` is the user's, `free` and `total` the file system's, and `reserve` is what must stay free.
    """

    path: str
    payloads: int
    used: int
    staging: int
    free: int
    total: int
    limit: int | None = None
    reserve: int = 0


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What may still be written to a storage, in bytes, and what keeps the rest from being used.

    `free` and `total` are those of the file system at `path`, `reserve` must stay free, and `promised` is what
    downloads that run now are still to write. `limit` is the user's, and `used` counts against it (0 without one).
    """

    path: str
    free: int
    total: int
    reserve: int = 0
    promised: int = 0
    limit: int | None = None
    used: int = 0

    @property
    def left(self) -> int:
        """The bytes that may still be written; negative when there is too little already."""
        by_disk = self.free - self.reserve - self.promised
        return by_disk if self.limit is None else min(by_disk, self.limit - self.used - self.promised)


class Staging(Protocol):
    """A place for one unfinished payload: `data` is where its bytes go, `folder` is for notes about it.

    `data` is there from the start, empty or with what an earlier opener left: a regular file (0600) with no other
    name, so that it may be written in place.
    """

    @property
    def key(self) -> str:
        """What it was opened by."""
        ...

    @property
    def folder(self) -> Path:
        """For notes."""
        ...

    @property
    def data(self) -> Path:
        """For the bytes."""
        ...


class StorageSession(Protocol):
    """What every storage does. All of it is safe against other processes that do the same."""

    def stage(self, key: str, *, size: int | None) -> AbstractAsyncContextManager[Staging]:
        """Open the staging area `key`, exclusively: a second opener, of any process, waits until it is free.

        `key` is the digest of the payload, or the digest of its address when nobody promised one. What an earlier
        opener left is still there. `size` bytes are reserved, less what is there already.

        Raises:
            DiskSpace: the limit, the reserve or the file system does not allow `size` bytes; says all the numbers.
            StorageFailed: the folder is missing, read-only or not ours.
        """
        ...

    async def reserve(self, staging: Staging, *, size: int) -> None:
        """Reserve `size` bytes for an open area, less what is there, once its size is known. Raises `DiskSpace`."""
        ...

    async def take(self, staging: Staging, path: Path) -> How:
        """Put the content of the file `path` into `staging.data`: by reflink, else by hard link, else by a copy.

        Only a copy needs space, and reserves it; so stage with a size of None before this. A hard link is never to be
        written through.

        Raises:
            StorageFailed: `path` cannot be read or is not a regular file.
            DiskSpace: it has to be copied and does not fit.
        """
        ...

    async def admit(self, staging: Staging, *, sha256: str, size: int, replaces: bool = False) -> Path:
        """Make the verified and fsynced `staging.data` the payload of that digest, durably; return its path.

        One that is there already with that size is kept, and the staged one is dropped; unless it `replaces` that,
        which is damaged.
        """
        ...

    async def discard(self, key: str) -> int:
        """Remove what is staged under `key`, unless somebody has it open; return the bytes freed."""
        ...

    async def sweep(self, *, before: float) -> int:
        """Discard the staging areas that nobody has open and nobody wrote to since `before`; return the bytes freed.

        `before` is in seconds of the epoch.
        """
        ...

    async def staged(self, key: str) -> int:
        """Return the bytes that are on disk of what is unfinished under `key`, whoever has it open."""
        ...

    async def room(self, keys: Collection[str] = ()) -> Room:
        """Tell what may be written, not counting what is promised to the staging areas `keys`."""
        ...

    async def locate(self, sha256: str) -> Path | None:
        """Return the path of a payload, or None."""
        ...

    async def verify(
        self, sha256: str, *, report: Callable[[int], None], into: Any = None
    ) -> Literal["ok", "damaged", "missing"]:
        """Read a payload whole and compare it with its digest; `report` is told the bytes read so far.

        `into` is a running SHA-256 to use for that: whoever gives it wants to know more of what is read.
        """
        ...

    async def frees(self, sha256: str) -> int:
        """Return the bytes that removing a payload would free: 0 when it is not there or another link holds them."""
        ...

    async def remove(self, sha256: str) -> int:
        """Remove a payload; return the bytes that this freed (0 when another link holds them)."""
        ...

    async def remember(self, model: Model) -> None:
        """Write the sidecar of `model`, from which a lost registry is rebuilt, and its readable links. Durable."""
        ...

    async def forget(self, model: str) -> None:
        """Remove the sidecar and the readable links of the model with that id."""
        ...

    async def remembered(self) -> Sequence[Model]:
        """Return the models of all sidecars that can be read."""
        ...

    async def paths(self, model: Model) -> Sequence[Path]:
        """Return a path for each file of `model`, in its order, under its own name and beside the others.

        Raises:
            NotFound: a payload is missing.
        """
        ...

    async def account(self) -> Account:
        """Count what is held."""
        ...


class Storage(msgspec.Struct, frozen=True, kw_only=True):
    """The descriptor of a storage."""

    name: str
    summary: str
    open: Callable[[Context[Any]], AbstractAsyncContextManager[StorageSession]]
    settings: type[msgspec.Struct] = NoSettings


def hash_file(path: Path, *, report: Callable[[int], None], start: int = 0, into: Any = None) -> str:
    """Return the SHA-256 of a file. Blocks; `report` is told the bytes read after each piece and may raise to stop.

    `into` is a running hash that the bytes from `start` on are added to.
    """
    digest = hashlib.sha256() if into is None else into
    buffer = memoryview(bytearray(1 << 20))
    done = start
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
            done += count
            report(done)
    result: str = digest.hexdigest()
    return result
