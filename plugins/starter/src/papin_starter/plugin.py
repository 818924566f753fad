"""Registers the starter catalog; nothing heavy is imported until it is opened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from papin.catalogs import Catalog
from papin.context import Context, NoSettings
from papin.hookspecs import hookimpl

if TYPE_CHECKING:
    from papin_starter._session import StarterSession

__all__ = ["papin_catalogs"]


@asynccontextmanager
async def _open(_context: Context[NoSettings]) -> AsyncIterator[StarterSession]:
    from papin_starter._models import ENTRIES  # noqa: PLC0415  # the data is read only when somebody asks for it
    from papin_starter._session import StarterSession  # noqa: PLC0415  # as above

    yield StarterSession(ENTRIES)


@hookimpl
def papin_catalogs() -> Iterable[Catalog]:
    """Register the catalog `starter`."""
    yield Catalog(
        name="starter",
        prefix="starter",
        summary="A few small models to start with; resolving them needs no network.",
        open=_open,
        local=True,
    )
