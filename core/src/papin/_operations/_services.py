"""What the groups of operations share: records, plugin sessions, network, jobs."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import trio

from papin import locks
from papin._jobs import folder_errors
from papin._paths import Paths
from papin._plugins import Plugins, Sessions
from papin.catalogs import CatalogSession
from papin.config import Config
from papin.errors import NotFound
from papin.formats import Format
from papin.machine import Machine
from papin.models import Model
from papin.providers import ProviderSession
from papin.shelf import is_foreign, paths_of
from papin.storages import StorageSession

if TYPE_CHECKING:
    from papin._bus import Bus
    from papin._index import Index
    from papin._jobs import Jobs, Ledger
    from papin.http import Http


T = TypeVar("T")


def ignore(_: object) -> None:
    """Report to nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything that an operation may use."""

    config: Config
    paths: Paths
    plugins: Plugins
    sessions: Sessions
    records: Ledger
    bus: Bus
    http: Http
    jobs: Jobs
    machine: Callable[[], Machine]
    files: StoredFiles
    index: Index

    @property
    def formats(self) -> tuple[Format, ...]:
        """The formats of all plugins."""
        return tuple(found.descriptor for found in self.plugins.formats.values())

    async def storage(self, name: str = "") -> StorageSession:
        """Return the storage of that name, or the user's default one."""
        session: StorageSession = await self.sessions.use(f"storage {name or self.config.core.storage}")
        return session

    async def provider(self, name: str) -> ProviderSession:
        """Return the session of that provider."""
        session: ProviderSession = await self.sessions.use(f"provider {name}")
        return session

    async def catalog(self, name: str) -> CatalogSession:
        """Return the session of that catalog."""
        session: CatalogSession = await self.sessions.use(f"catalog {name}")
        return session

    async def look_up(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `ask` finds in the index of the catalogs."""
        return await trio.to_thread.run_sync(self.index.read, ask)

    async def index_change(self, work: Callable[[sqlite3.Connection], T], *, more: bool = False) -> T:
        """Change the index of the catalogs in one transaction; with `more`, another one follows soon."""
        return await trio.to_thread.run_sync(partial(self.index.change, work, more=more))

    @asynccontextmanager
    async def committing(self) -> AsyncIterator[None]:
        """Keep every other process from recording or removing models meanwhile.

        So a payload that one process found present is not removed by another before it is recorded as used.

        Raises:
            StorageFailed: the lock cannot be taken.
        """
        async with self.locked("commit"):
            yield

    @asynccontextmanager
    async def locked(self, name: str) -> AsyncIterator[None]:
        """Hold the lock of that name between all processes of papin.

        Raises:
            StorageFailed: it cannot be taken.
        """
        async with AsyncExitStack() as stack:
            with folder_errors(self.paths.run):
                await stack.enter_async_context(locks.hold(self.paths.run / f"{name}.lock"))
            yield


class StoredFiles:
    """The kernel's service `context.files`: where the files of a model are, whoever keeps them."""

    def __init__(self, sessions: Sessions, records: Ledger) -> None:
        self._sessions = sessions
        self._records = records

    async def paths(self, model: Model) -> Sequence[Path]:
        """Return a path for each file of `model`, in its order."""
        if is_foreign(model):
            return await self._foreign(model)
        storage: StorageSession = await self._sessions.use(f"storage {model.files[0].storage}")
        return await storage.paths(model)

    async def _foreign(self, model: Model) -> Sequence[Path]:
        shelf = await self._records.read(lambda read: read.shelf())
        found = shelf.find(model.id)
        holding = found[1] if found else None
        paths = paths_of(holding) if holding else ()
        there = await trio.to_thread.run_sync(lambda: all(path and Path(path).is_file() for path in paths))
        if not paths or not there:
            raise NotFound(
                f"The files of {model.id} are not on this machine, or are not there any more",
                next_step=f"papin providers refresh {model.source}",
            )
        return [Path(path) for path in paths]
