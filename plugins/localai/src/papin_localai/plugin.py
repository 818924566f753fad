"""Registers the provider and the catalog `localai`; nothing heavy is imported until one is opened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from papin.catalogs import Catalog
from papin.context import Context
from papin.hookspecs import hookimpl
from papin.providers import Provider
from papin_localai._settings import PLACES, GallerySettings, LocalAISettings

if TYPE_CHECKING:
    from papin_localai._gallery import Gallery
    from papin_localai._session import Session

__all__ = ["papin_catalogs", "papin_providers"]


@asynccontextmanager
async def _open(context: Context[LocalAISettings]) -> AsyncIterator[Session]:
    from papin_localai._session import open_session  # noqa: PLC0415  # brings trio and YAML

    async with open_session(context) as session:
        yield session


@asynccontextmanager
async def _open_gallery(context: Context[GallerySettings]) -> AsyncIterator[Gallery]:
    from papin_localai._gallery import Gallery  # noqa: PLC0415  # as above

    yield Gallery(context)


@hookimpl
def papin_providers() -> Iterable[Provider]:
    """Register the provider `localai`."""
    yield Provider(
        name="localai",
        summary="LocalAI: many backends behind an OpenAI-compatible API.",
        open=_open,
        formats=("gguf", "ggml", "onnx"),
        accepts=tuple(PLACES),
        lacks={
            "measures": "Speed is measured by llama-bench, which the provider llamacpp runs.",
            "copies": "LocalAI has no way to give a model a second name.",
            "renames": "LocalAI has no way to rename a model.",
        },
        settings=LocalAISettings,
    )


@hookimpl
def papin_catalogs() -> Iterable[Catalog]:
    """Register the catalog `localai`."""
    yield Catalog(
        name="localai",
        prefix="localai",
        summary="The model gallery of LocalAI, or another one of its kind.",
        open=_open_gallery,
        settings=GallerySettings,
    )
