from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from papin.context import Context, Folders
from papin.storages import StorageSession
from papin_store.plugin import papin_storages
from papin_store.settings import StoreSettings

Opener = Callable[..., AbstractAsyncContextManager[StorageSession]]


class NotHere:
    """Stands for a service of the kernel that no storage uses."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a storage has no use for {name}")


def make_context(folder: Path, **settings: Any) -> Context[StoreSettings]:
    folders = Folders(data=folder / "data", cache=folder / "cache", run=folder / "run")
    for each in (folders.data, folders.cache, folders.run):
        each.mkdir(parents=True, exist_ok=True)
    nothing: Any = NotHere()
    return Context(
        name="store",
        settings=StoreSettings(**({"reserve": 0} | settings)),
        folders=folders,
        publish=nothing,
        log=logging.getLogger("papin.store"),
        files=nothing,
        machine=nothing,
        http=nothing,
    )


@pytest.fixture
def open_store(tmp_path: Path) -> Opener:
    @asynccontextmanager
    async def opener(**settings: Any) -> AsyncIterator[StorageSession]:
        (storage,) = papin_storages()
        async with storage.open(make_context(tmp_path, **settings)) as session:
            yield session

    return opener
