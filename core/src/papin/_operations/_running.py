"""Loading models into memory, taking them out, and talking to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import trio

from papin._operations._providers import Providers, Runner
from papin._operations._services import Services
from papin._operations._settings import settings_for
from papin._registry import Write
from papin.errors import Cancelled, PapinError
from papin.events import ModelLoaded, ModelLoadFailed, ModelLoading, ModelUnloaded
from papin.models import LoadedModel, LoadSettings, Message, Model, Reply
from papin.providers import Loads

NO_SETTINGS = LoadSettings()


class Running:
    """The part of `Models` that has to do with memory."""

    def __init__(self, services: Services, providers: Providers) -> None:
        self._services = services
        self._providers = providers

    async def _find(self, ref: str) -> Model:
        return await self._services.records.read(lambda read: read.find(ref))

    async def loaded(self) -> tuple[LoadedModel, ...]:
        """Return what is in memory now, whichever process loaded it."""
        return await self._providers.loaded()

    async def load(self, ref: str, settings: LoadSettings = NO_SETTINGS, *, provider: str | None = None) -> LoadedModel:
        """Load a model, or renew the idle time of one that is loaded; return where it answers.

        Raises:
            FormatInvalid, EngineMissing, LoadFailed, OutOfMemory: as the provider says it.
        """
        model = await self._find(ref)
        name, runner = await self._providers.runner(model, provider)
        before = {each.model: each for each in await runner.loaded()}
        if model.id not in before:
            await self._tell(lambda write: write.journal(ModelLoading(model=model.id, provider=name)))
        loaded = await self._load(name, runner, model, settings)
        known = before.get(model.id)
        is_new = known is None or known.loaded_at != loaded.loaded_at
        await self._tell(lambda write: _record_load(write, loaded, is_new=is_new))
        return loaded

    async def _load(self, name: str, runner: Runner, model: Model, settings: LoadSettings) -> LoadedModel:
        failed: PapinError = Cancelled(f"loading {model.id} was cancelled", next_step=f"papin models load {model.id}")
        try:
            return await runner.load(model, settings_for(model, settings))
        except (PapinError, trio.Cancelled) as error:
            event = ModelLoadFailed(
                model=model.id, provider=name, problem=(error if isinstance(error, PapinError) else failed).problem()
            )
            with trio.CancelScope(shield=True):
                await self._tell(lambda write: write.journal(event))
            raise

    async def unload(self, ref: str) -> bool:
        """Take a model out of memory, whichever provider has it; return whether it was there."""
        model = await self._find(ref)
        there = False
        for name in {each.provider for each in await self._providers.loaded() if each.model == model.id}:
            session = await self._services.provider(name)
            if isinstance(session, Loads) and await session.unload(model.id):
                there = True
                await self._tell(
                    lambda write, name=name: write.journal(ModelUnloaded(model=model.id, provider=name))  # type: ignore[misc]
                )
        return there

    @asynccontextmanager
    async def chat(
        self,
        ref: str,
        messages: Sequence[Message],
        *,
        options: Mapping[str, Any] | None = None,
        settings: LoadSettings = NO_SETTINGS,
    ) -> AsyncIterator[AsyncIterator[Reply]]:
        """Open an answer of a model to `messages`, loading it first where it is not; leaving ends the answer."""
        loaded = await self.load(ref, settings)
        _, runner = await self._providers.runner(await self._find(loaded.model), loaded.provider)
        async with runner.chat(loaded, messages, dict(options or {})) as replies:
            yield replies

    async def _tell(self, apply: Callable[[Write], object]) -> None:
        await self._services.records.change(apply)


def _record_load(write: Write, loaded: LoadedModel, *, is_new: bool) -> None:
    write.record_use(loaded.model, datetime.now(UTC))
    if is_new:
        write.journal(ModelLoaded(model=loaded.model, provider=loaded.provider))
