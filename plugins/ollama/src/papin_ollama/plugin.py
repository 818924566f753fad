"""Registers the provider and the catalog `ollama`; nothing heavy is imported until one is opened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from papin.catalogs import Catalog
from papin.context import Context
from papin.hookspecs import hookimpl
from papin.providers import Provider
from papin_ollama._settings import ENDPOINT, CatalogSettings, ProviderSettings

if TYPE_CHECKING:
    from papin_ollama._catalog import CatalogSession
    from papin_ollama._session import Session

__all__ = ["papin_catalogs", "papin_providers"]


@asynccontextmanager
async def _open_provider(context: Context[ProviderSettings]) -> AsyncIterator[Session]:
    from papin_ollama._session import Session  # noqa: PLC0415  # brings trio and everything that Ollama can do

    yield Session(context)


@asynccontextmanager
async def _open_catalog(context: Context[CatalogSettings]) -> AsyncIterator[CatalogSession]:
    from papin_ollama._catalog import CatalogSession  # noqa: PLC0415  # brings trio and the list of models
    from papin_ollama._registry import Registry  # noqa: PLC0415  # as above

    endpoint = context.settings.endpoint
    yield CatalogSession(Registry(context.http, endpoint), is_chosen=endpoint != ENDPOINT)


@hookimpl
def papin_catalogs() -> Iterable[Catalog]:
    """Register the catalog `ollama`."""
    yield Catalog(
        name="ollama",
        prefix="ollama",
        summary="The models of Ollama's registry, and those of Hugging Face by their names there (hf.co/...).",
        open=_open_catalog,
        bundled=True,
        settings=CatalogSettings,
    )


@hookimpl
def papin_providers() -> Iterable[Provider]:
    """Register the provider `ollama`."""
    yield Provider(
        name="ollama",
        summary="Lists, runs, pulls and shares the models of Ollama, here or on another machine.",
        open=_open_provider,
        formats=("gguf",),
        accepts=(
            "n_ctx",
            "n_gpu_layers",
            "n_threads",
            "keep_alive",
            "temperature",
            "top_k",
            "top_p",
            "min_p",
            "repeat_penalty",
            "seed",
            "n_predict",
            "system_prompt",
        ),
        settings=ProviderSettings,
    )
