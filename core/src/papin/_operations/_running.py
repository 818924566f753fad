"""Loading models into memory, taking them out, and talking to them, whichever provider does it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import trio

from papin import words
from papin._operations._finding import find
from papin._operations._providers import Providers
from papin._operations._runners import Runners
from papin._operations._services import Services
from papin._operations._settings import LOADING, load_settings, options_for, with_system_prompt
from papin._registry import Write
from papin.errors import Cancelled, EngineMissing, InUse, NotFound, PapinError
from papin.events import Event, ModelLoaded, ModelLoadFailed, ModelLoading, ModelUnloaded
from papin.models import Embeddings, LoadedModel, LoadSettings, Message, Model, Reply
from papin.providers import Chats, Completes, Embeds, Loads

NO_SETTINGS = LoadSettings()


class Running:
    """The part of `Models` that has to do with memory."""

    def __init__(self, services: Services, providers: Providers) -> None:
        self._services = services
        self._providers = providers
        self._runners = Runners(providers)

    async def _find(self, ref: str) -> Model:
        return await find(self._services, self._providers, ref)

    async def loaded(self) -> tuple[LoadedModel, ...]:
        """Return what is in memory now, whichever process loaded it."""
        return await self._providers.loaded()

    async def load(self, ref: str, settings: LoadSettings = NO_SETTINGS, *, provider: str | None = None) -> LoadedModel:
        """Load a model, or renew the idle time of one that is loaded; return where it answers.

        It is loaded where it is loaded already, else by `provider`, else by a provider that runs its files or has it.

        Raises:
            FormatInvalid, EngineMissing, LoadFailed, OutOfMemory: as the provider says it.
            ProviderFailed: `provider` does not have it; it says how to share it.
        """
        loaded, _ = await self._open(await self._find(ref), settings, provider, (Loads,))
        return loaded

    async def _open(
        self, model: Model, settings: LoadSettings, provider: str | None, needs: Sequence[type]
    ) -> tuple[LoadedModel, Any]:
        has_files = await self._has_files(model)
        missing: dict[str, PapinError] = {}
        while True:
            name, session = await self._runners.choose(
                model, provider, has_files=has_files, needs=needs, besides=missing
            )
            try:
                return await self._open_in(name, session, model, settings)
            except EngineMissing as error:  # a program that keeps models may not run now: another one may run them
                if provider is not None:
                    raise
                missing[name] = error

    async def _open_in(self, name: str, session: Any, model: Model, settings: LoadSettings) -> tuple[LoadedModel, Any]:
        before = {each.model: each for each in await self._providers.loaded([name])}
        if model.id not in before:
            await self._journal(ModelLoading(model=model.id, provider=name))
        loaded = await self._load(name, session, model, settings)
        known = before.get(model.id)
        is_new = known is None or known.loaded_at != loaded.loaded_at
        await self._services.records.change(lambda write: _record_load(write, loaded, is_new=is_new))
        return loaded, session

    async def _has_files(self, model: Model) -> bool:
        try:
            return bool(await self._services.files.paths(model)) if model.files else False
        except NotFound:
            return False

    async def _load(self, name: str, session: Loads, model: Model, settings: LoadSettings) -> LoadedModel:
        failed: PapinError = Cancelled(f"loading {model.id} was cancelled", next_step=f"papin models load {model.id}")
        wanted = load_settings(model, settings)
        accepts = self._providers.descriptor(name).accepts
        ignored = tuple(each for each in LOADING if getattr(wanted, each) is not None and each not in accepts)
        try:
            with self._services.sessions.guard(f"provider {name}"):
                loaded = await session.load(model, wanted)
        except (PapinError, trio.Cancelled) as error:
            problem = (error if isinstance(error, PapinError) else failed).problem()
            with trio.CancelScope(shield=True):
                await self._journal(ModelLoadFailed(model=model.id, provider=name, problem=problem))
            raise
        reference = loaded.reference or loaded.model
        return msgspec.structs.replace(loaded, model=model.id, reference=reference, ignored=ignored)

    async def unload(self, ref: str, *, force: bool = False) -> bool:
        """Take a model out of memory, whichever provider has it; return whether it was there.

        Raises:
            InUse: it answers requests now, and `force` was not given; with it, those break off.
        """
        model = await self._find(ref)
        found = await self._loaded_of(model)
        if (answers := answering(found)) and not force:
            raise InUse(
                f"{model.id} is {words.answering(answers)}",
                next_step=f"Wait for that, or break it off: papin models unload {model.id} --force",
            )
        there = False
        for each in found:
            there |= await self._unload(each)
        return there

    async def _loaded_of(self, model: Model) -> Sequence[LoadedModel]:
        """Return where a model is in memory now."""
        placed = {(each.provider, each.reference) for each in model.placements}
        loaded = await self._providers.loaded()
        return [each for each in loaded if each.model == model.id or (each.provider, each.reference) in placed]

    async def _unload(self, loaded: LoadedModel) -> bool:
        async with self._providers.asking(loaded.provider) as session:
            was_there = isinstance(session, Loads) and await session.unload(loaded.reference)
        if was_there:
            await self._journal(ModelUnloaded(model=loaded.model, provider=loaded.provider))
        return was_there

    @asynccontextmanager
    async def chat(
        self,
        ref: str,
        messages: Sequence[Message],
        *,
        options: Mapping[str, Any] | None = None,
        settings: LoadSettings = NO_SETTINGS,
        provider: str | None = None,
    ) -> AsyncIterator[AsyncIterator[Reply]]:
        """Open an answer of a model to `messages`, loading it first where it is not; leaving ends the answer.

        What is saved for the model counts where nothing is asked: its system prompt and its sampling values.
        """
        model = await self._find(ref)
        loaded, session = await self._open(model, settings, provider, (Loads, Chats))
        said = with_system_prompt(model, messages)
        async with session.chat(loaded, said, options_for(model, options or {})) as replies:
            yield replies

    @asynccontextmanager
    async def complete(
        self,
        ref: str,
        prompt: str,
        *,
        options: Mapping[str, Any] | None = None,
        settings: LoadSettings = NO_SETTINGS,
        provider: str | None = None,
    ) -> AsyncIterator[AsyncIterator[Reply]]:
        """Open what a model makes of `prompt`, as it stands and without any template; as `chat` otherwise."""
        model = await self._find(ref)
        loaded, session = await self._open(model, settings, provider, (Loads, Completes))
        async with session.complete(loaded, prompt, options_for(model, options or {})) as replies:
            yield replies

    async def embed(
        self,
        ref: str,
        texts: Sequence[str],
        *,
        settings: LoadSettings = NO_SETTINGS,
        provider: str | None = None,
    ) -> Embeddings:
        """Return a vector for each of `texts`, loading the model first where it is not.

        Raises:
            ProviderFailed: the model does not embed.
        """
        loaded, session = await self._open(await self._find(ref), settings, provider, (Loads, Embeds))
        with self._services.sessions.guard(f"provider {loaded.provider}"):
            found: Embeddings = await session.embed(loaded, texts)
        return found

    async def _journal(self, event: Event) -> None:
        await self._services.records.change(lambda write: write.journal(event))


def answering(loaded: Sequence[LoadedModel]) -> int:
    """Return how many requests are being answered, as far as that is told."""
    return sum(each.answering or 0 for each in loaded)


def _record_load(write: Write, loaded: LoadedModel, *, is_new: bool) -> None:
    write.use(loaded.model, datetime.now(UTC))
    if is_new:
        write.journal(ModelLoaded(model=loaded.model, provider=loaded.provider))
