"""Registers the starter catalog, and catalogs of one's own; nothing heavy is imported until one is opened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from papin.catalogs import Catalog
from papin.context import Context, NoSettings
from papin.hookspecs import hookimpl
from papin_starter.settings import IndexSettings

if TYPE_CHECKING:
    from papin_starter._own import FolderCatalog, WebCatalog
    from papin_starter._session import StarterSession

__all__ = ["papin_catalogs"]


@asynccontextmanager
async def _open(_context: Context[NoSettings]) -> AsyncIterator[StarterSession]:
    from papin_starter._models import ENTRIES  # noqa: PLC0415  # the data is read only when somebody asks for it
    from papin_starter._session import StarterSession  # noqa: PLC0415  # as above

    yield StarterSession(ENTRIES)


@asynccontextmanager
async def _open_own(context: Context[IndexSettings]) -> AsyncIterator[FolderCatalog | WebCatalog]:
    from papin_starter._own import open_own  # noqa: PLC0415  # brings trio

    yield open_own(context)


@hookimpl
def papin_catalogs() -> Iterable[Catalog]:
    """Register the catalog `starter`, and `index`, of which each folder or address that the user adds is one."""
    yield Catalog(
        name="starter",
        prefix="starter",
        summary="A few small models to start with; resolving them needs no network.",
        open=_open,
        local=True,
    )
    yield Catalog(
        name="index",
        prefix="index",
        summary="A folder of models, or an index at a web address, of one's own.",
        open=_open_own,
        template=True,
        settings=IndexSettings,
    )
