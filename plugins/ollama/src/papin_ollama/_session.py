"""The provider's session: what Ollama can do, one method for each of it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from papin.context import Context
from papin.inventories import Listing, ProviderDetails
from papin.models import Embeddings, Engine, LoadedModel, LoadSettings, Message, Model, Placement, Progress, Reply
from papin_ollama._answers import embed, open_chat, open_completion
from papin_ollama._api import Api
from papin_ollama._environment import address
from papin_ollama._keeping import Keeping
from papin_ollama._memory import Memory
from papin_ollama._models import Models
from papin_ollama._pulling import pull
from papin_ollama._settings import ProviderSettings
from papin_ollama._sharing import Sharing

__all__ = ["Session"]


class Session:
    """Drives the Ollama at one address; see `papin.providers` for what each method means."""

    def __init__(self, context: Context[ProviderSettings]) -> None:
        settings = context.settings
        where = address(settings.url or os.environ.get("OLLAMA_HOST", ""))
        self._api = Api(context.http, where, settings.key, context.name)
        self._models = Models(self._api, settings.models)
        self._memory = Memory(self._api, context.name, context.folders.run)
        self._keeping = Keeping(self._api, self._models)
        self._patience = settings.patience
        self._sharing = Sharing(self._api, self._models, context.name, context.folders)

    async def engine(self) -> Engine:
        """Return Ollama, if that is what answers."""
        return await self._api.engine()

    async def models(self) -> Listing:
        """Return everything it has, from its folder where that can be read."""
        return await self._models.list()

    async def show(self, reference: str) -> ProviderDetails:
        """Return what it knows of a model."""
        return await self._keeping.show(reference)

    async def pull(self, reference: str, report: Callable[[Progress], None]) -> None:
        """Have it fetch a model itself."""
        await pull(self._api, reference, report, self._patience)

    async def remove(self, reference: str) -> None:
        """Have it remove a model."""
        await self._keeping.remove(reference)
        self._sharing.forget(reference)

    async def settings(self, reference: str) -> Mapping[str, str | int | float | bool]:
        """Return the settings that it keeps for a model."""
        return await self._keeping.settings(reference)

    async def configure(self, reference: str, settings: Mapping[str, str | int | float | bool | None]) -> None:
        """Change them."""
        await self._keeping.configure(reference, settings)

    async def copy(self, reference: str, to: str) -> None:
        """Give a model a second name."""
        await self._keeping.copy(reference, to)

    async def rename(self, reference: str, to: str) -> None:
        """Give a model another name; one that papin shared is still papin's."""
        await self._keeping.copy(reference, to)
        self._sharing.renamed(reference, to)
        await self._keeping.remove(reference)

    async def load(self, model: Model, settings: LoadSettings) -> LoadedModel:
        """Load the model that is placed in it."""
        return await self._memory.load(model, settings)

    async def unload(self, reference: str) -> bool:
        """Take a model out of memory."""
        return await self._memory.unload(reference)

    async def loaded(self) -> Sequence[LoadedModel]:
        """Return what it has in memory."""
        return await self._memory.loaded()

    def chat(
        self, loaded: LoadedModel, messages: Sequence[Message], options: dict[str, Any]
    ) -> AbstractAsyncContextManager[AsyncIterator[Reply]]:
        """Open an answer."""
        return open_chat(self._api, self._memory, loaded, messages, options)

    def complete(
        self, loaded: LoadedModel, prompt: str, options: dict[str, Any]
    ) -> AbstractAsyncContextManager[AsyncIterator[Reply]]:
        """Open what follows a text."""
        return open_completion(self._api, self._memory, loaded, prompt, options)

    async def embed(self, loaded: LoadedModel, texts: Sequence[str]) -> Embeddings:
        """Return a vector for each text."""
        return await embed(self._api, self._memory, loaded, texts)

    async def share(self, model: Model, paths: Sequence[Path], *, name: str, copy: bool) -> Placement:
        """Make a model of papin usable in it."""
        return await self._sharing.share(model, paths, name=name, copy=copy)

    async def unshare(self, reference: str) -> None:
        """Take that back."""
        await self._sharing.unshare(reference)
