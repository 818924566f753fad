"""The session of the store: every method hands blocking work to a thread and tells what the disk says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import trio

from papin.context import Context
from papin.links import link
from papin.locks import hold
from papin.models import How, Model
from papin.names import place
from papin.storages import Account, Room, Staging
from papin_store import _payloads, _sidecars, _staging
from papin_store._count import present
from papin_store._faults import told
from papin_store._layout import Layout
from papin_store._root import find_root, open_root
from papin_store._space import account, look, promise
from papin_store.settings import StoreSettings

_THREADS = 8
_REPORT_EVERY = 16 << 20

T = TypeVar("T")


class Store:
    """A `papin.storages.StorageSession` over one folder."""

    def __init__(self, layout: Layout, settings: StoreSettings) -> None:
        self._layout = layout
        self._settings = settings
        self._limiter = trio.CapacityLimiter(_THREADS)

    async def _run(self, doing: str, path: Path, work: Callable[[], T]) -> T:
        with told(doing, path):
            return await trio.to_thread.run_sync(work, limiter=self._limiter)

    async def _promise(self, key: str, size: int) -> None:
        doing, root = "reserve space in", self._layout.root
        with told(doing, root):
            async with hold(self._layout.space):
                await self._run(doing, root, lambda: promise(self._layout, self._settings, key, size))

    @asynccontextmanager
    async def _ours(self, key: str) -> AsyncIterator[None]:
        folder = self._layout.staging(key)
        async with AsyncExitStack() as stack:
            while True:
                file = await self._run("make", folder, lambda: _staging.lock_file(self._layout, key))
                with told("lock", file), suppress(FileNotFoundError):  # whoever had it removed it: make it again
                    await stack.enter_async_context(hold(file))
                    break
            yield

    @asynccontextmanager
    async def stage(self, key: str, *, size: int | None) -> AsyncIterator[Staging]:
        """See `papin.storages.StorageSession`."""
        folder = self._layout.staging(key)
        async with self._ours(key):
            area = await self._run("open", folder, lambda: _staging.prepare(self._layout, key))
            try:
                await self.reserve(area, size=size or 0)
                yield area
            finally:
                with trio.CancelScope(shield=True):
                    await self._run("tidy up", folder, lambda: _staging.release(area))

    async def reserve(self, staging: Staging, *, size: int) -> None:
        """See `papin.storages.StorageSession`."""
        await self._promise(staging.key, size)

    async def take(self, staging: Staging, path: Path) -> How:
        """See `papin.storages.StorageSession`."""

        def room(size: int) -> None:
            trio.from_thread.run(self._promise, staging.key, size)

        def work() -> How:
            staging.data.unlink(missing_ok=True)
            check = trio.from_thread.check_cancelled
            return link(path, staging.data, symlink=False, allow_copy=True, mode=0o600, reserve=room, check=check)

        return await self._run("take over", path, work)

    async def admit(self, staging: Staging, *, sha256: str, size: int, replaces: bool = False) -> Path:
        """See `papin.storages.StorageSession`."""
        blob, data = self._layout.blob(sha256), staging.data
        admit = partial(_payloads.admit, self._layout, data, sha256, size, replaces=replaces)
        return await self._run("store", blob, admit)

    async def discard(self, key: str) -> int:
        """See `papin.storages.StorageSession`."""
        folder = self._layout.staging(key)
        with told("remove", folder):
            async with hold(self._layout.space):
                return await self._run("remove", folder, lambda: _staging.discard(self._layout, key))

    async def sweep(self, *, before: float) -> int:
        """See `papin.storages.StorageSession`."""
        incoming = self._layout.incoming
        keys = await self._run("look into", incoming, lambda: _staging.stale(self._layout, before))
        return sum([await self.discard(key) for key in keys])

    async def staged(self, key: str) -> int:
        """See `papin.storages.StorageSession`."""
        data = place(self._layout.staging(key), "data")
        return await self._run("look at", data, lambda: present(data))

    async def room(self, keys: Collection[str] = ()) -> Room:
        """See `papin.storages.StorageSession`."""
        return await self._run("count", self._layout.root, lambda: look(self._layout, self._settings, besides=keys))

    async def locate(self, sha256: str) -> Path | None:
        """See `papin.storages.StorageSession`."""
        blob = self._layout.blob(sha256)
        size = await self._run("look at", blob, lambda: _payloads.size_of(blob))
        return None if size is None else blob

    async def verify(
        self, sha256: str, *, report: Callable[[int], None], into: Any = None
    ) -> Literal["ok", "damaged", "missing"]:
        """See `papin.storages.StorageSession`."""
        blob = self._layout.blob(sha256)
        reports = _Reports(report)
        verdict = await self._run("read", blob, lambda: _payloads.verify(self._layout, sha256, reports.piece, into))
        reports.finish()
        return verdict

    async def frees(self, sha256: str) -> int:
        """See `papin.storages.StorageSession`."""
        blob = self._layout.blob(sha256)
        return await self._run("read", blob, lambda: _payloads.frees(self._layout, sha256))

    async def remove(self, sha256: str) -> int:
        """See `papin.storages.StorageSession`."""
        blob = self._layout.blob(sha256)
        return await self._run("remove", blob, lambda: _payloads.remove(self._layout, sha256))

    async def remember(self, model: Model) -> None:
        """See `papin.storages.StorageSession`."""
        sidecar = self._layout.sidecar(model.id)
        await self._run("write", sidecar, lambda: _sidecars.remember(self._layout, model))

    async def forget(self, model: str) -> None:
        """See `papin.storages.StorageSession`."""
        sidecar = self._layout.sidecar(model)
        await self._run("remove", sidecar, lambda: _sidecars.forget(self._layout, model))

    async def remembered(self) -> Sequence[Model]:
        """See `papin.storages.StorageSession`."""
        return await self._run("read", self._layout.models, lambda: _sidecars.remembered(self._layout))

    async def paths(self, model: Model) -> Sequence[Path]:
        """See `papin.storages.StorageSession`."""
        folder = self._layout.links(model.id)
        return await self._run("link into", folder, lambda: _sidecars.paths(self._layout, model))

    async def account(self) -> Account:
        """See `papin.storages.StorageSession`."""
        return await self._run("count", self._layout.root, lambda: account(self._layout, self._settings))


class _Reports:
    """What a hashing thread calls after each piece: it stops when cancelled, and now and then tells trio's side."""

    def __init__(self, report: Callable[[int], None]) -> None:
        self._report = report
        self._told = 0
        self._done = 0

    def piece(self, done: int) -> None:
        self._done = done
        trio.from_thread.check_cancelled()
        if done - self._told >= _REPORT_EVERY:
            self._told = done
            trio.from_thread.run_sync(self._report, done)

    def finish(self) -> None:
        if self._told != self._done:
            self._report(self._done)


async def open_store(context: Context[StoreSettings]) -> Store:
    """Return the session of the store that the settings name; it is made when its folder is new or empty."""
    own = context.folders.data
    root = find_root(context.settings.path, own)

    def work() -> Layout:
        with told("open the store at", root):
            return open_root(root, own)

    return Store(await trio.to_thread.run_sync(work), context.settings)
