"""The hook of papin-store; light, so that loading it costs nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from papin.context import Context
from papin.hookspecs import hookimpl
from papin.storages import Storage, StorageSession
from papin_store.settings import StoreSettings

__all__ = ["papin_storages"]


@asynccontextmanager
async def _open(context: Context[StoreSettings]) -> AsyncIterator[StorageSession]:
    from papin_store._session import open_store  # noqa: PLC0415  trio is imported only when a store is opened

    yield await open_store(context)


@hookimpl
def papin_storages() -> Iterable[Storage]:
    """Register the content-addressed folder."""
    yield Storage(
        name="store",
        summary="Every model file once, by its SHA-256, in a folder of this machine, with readable links",
        open=_open,
        settings=StoreSettings,
    )
