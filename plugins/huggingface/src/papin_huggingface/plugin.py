"""Registers the catalog `huggingface`; nothing heavy is imported until it is opened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from papin.catalogs import Catalog
from papin.context import Context
from papin.hookspecs import hookimpl
from papin_huggingface._settings import HubSettings

if TYPE_CHECKING:
    from papin_huggingface._session import Session

__all__ = ["papin_catalogs"]


@asynccontextmanager
async def _open(context: Context[HubSettings]) -> AsyncIterator[Session]:
    from papin_huggingface._session import open_session  # noqa: PLC0415  # brings the HTTP client

    async with open_session(context) as session:
        yield session


@hookimpl
def papin_catalogs() -> Iterable[Catalog]:
    """Register the catalog `huggingface`."""
    yield Catalog(
        name="huggingface",
        prefix="hf",
        summary="The Hugging Face Hub: most models that there are.",
        open=_open,
        settings=HubSettings,
    )
