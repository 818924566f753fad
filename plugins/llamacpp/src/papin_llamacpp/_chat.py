"""Asking an engine: `papin.openai` over its address and key, and what a connection that breaks means here."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

import trio

from papin import openai
from papin.errors import PapinError, ProviderFailed, TransferFailed
from papin.http import Http
from papin.models import Embeddings, LoadedModel, Message, Reply
from papin_llamacpp._deaths import wait_until_dead
from papin_llamacpp._failures import died, tail
from papin_llamacpp._options import translate
from papin_llamacpp._records import Engines
from papin_llamacpp._spec import Record

__all__ = ["Asking"]

_DYING = 2.0
_LOG = 64 << 10


class Asking:
    """Asks the engines of this machine for answers; every question is a use of the engine.

    `on_death` is told of an engine that is found dead, before whoever asked is.
    """

    def __init__(self, http: Http, engines: Engines, on_death: Callable[[Record], None]) -> None:
        self._http = http
        self._engines = engines
        self._on_death = on_death

    @asynccontextmanager
    async def chat(
        self, loaded: LoadedModel, messages: Sequence[Message], options: dict[str, Any]
    ) -> AsyncIterator[AsyncIterator[Reply]]:
        """Open the answer of an engine; leaving the context closes the connection, at which the engine stops.

        Raises:
            ConfigInvalid: there is no such option.
            ProviderFailed: the engine is gone or refuses; the iterator raises it too.
        """
        wanted = translate(options)
        async with self._answer(loaded, lambda api: api.chat(loaded.model, messages, wanted)) as replies:
            yield replies

    @asynccontextmanager
    async def complete(
        self, loaded: LoadedModel, prompt: str, options: dict[str, Any]
    ) -> AsyncIterator[AsyncIterator[Reply]]:
        """Open what follows `prompt`; as `chat`."""
        wanted = translate(options)
        async with self._answer(loaded, lambda api: api.complete(loaded.model, prompt, wanted)) as replies:
            yield replies

    async def embed(self, loaded: LoadedModel, texts: Sequence[str]) -> Embeddings:
        """Return a vector for each text. Raises `ProviderFailed`."""
        async with self._talking(loaded) as (talk, api), talk.broken_means_dead():
            return await api.embed(loaded.model, texts)

    @asynccontextmanager
    async def _answer(
        self, loaded: LoadedModel, ask: Callable[[openai.Api], AbstractAsyncContextManager[AsyncIterator[Reply]]]
    ) -> AsyncIterator[AsyncIterator[Reply]]:
        async with self._talking(loaded) as (talk, api), talk.replies(ask(api)) as replies:
            yield replies

    @asynccontextmanager
    async def _talking(self, loaded: LoadedModel) -> AsyncIterator[tuple[_Talk, openai.Api]]:
        record = await trio.to_thread.run_sync(_find, self._engines, loaded)
        self._engines.touch(record.engine)
        with contextlib.closing(_Talk(self._engines, record, self._on_death)) as talk:
            async with self._http.client(record.address, token=record.key, patience=openai.PATIENCE) as client:
                yield talk, openai.Api(client, f"The engine of {record.model}", errors=talk.explain)


def _find(engines: Engines, loaded: LoadedModel) -> Record:
    records = engines.of(loaded.model)
    if not records:
        raise died(loaded.model, [])
    same = [record for record in records if record.address == loaded.address]
    return (same or records)[-1]


class _Talk:
    """One question to one engine, with a hold on the engine's log: who sweeps a dead engine removes that."""

    def __init__(self, engines: Engines, record: Record, on_death: Callable[[Record], None]) -> None:
        self._engines = engines
        self._record = record
        self._on_death = on_death
        self._log: int | None = None
        with contextlib.suppress(OSError):
            self._log = os.open(engines.path(record.engine, ".log"), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)

    def close(self) -> None:
        """Let go of the log."""
        if self._log is not None:
            os.close(self._log)

    @asynccontextmanager
    async def broken_means_dead(self) -> AsyncIterator[None]:
        """Turn the failure of a connection into what it means here."""
        try:
            yield
        except TransferFailed as error:
            raise await self._judge(error) from error

    @asynccontextmanager
    async def replies(
        self, answer: AbstractAsyncContextManager[AsyncIterator[Reply]]
    ) -> AsyncIterator[AsyncIterator[Reply]]:
        """Open `answer`, with failures told as what they mean."""
        async with AsyncExitStack() as stack:
            async with self.broken_means_dead():
                pieces = await stack.enter_async_context(answer)
            yield await stack.enter_async_context(aclosing(self._pieces(pieces)))

    async def _pieces(self, pieces: AsyncIterator[Reply]) -> AsyncGenerator[Reply]:
        while True:
            async with self.broken_means_dead():
                piece = await anext(pieces, None)
            if piece is None:
                return
            yield piece

    async def _judge(self, error: TransferFailed) -> ProviderFailed:
        # A process that dies lets go of its connections a moment before its lock.
        with trio.move_on_after(_DYING):
            await wait_until_dead(self._engines, self._record.engine)
            self._on_death(self._record)
            return died(self._record.model, self._log_tail())
        return ProviderFailed(
            f"The engine of {self._record.model} does not answer as it should: {error.message}",
            next_step=f"Type: papin models unload {self._record.model}, and ask again.",
        )

    def _log_tail(self) -> list[str]:
        if self._log is None:
            return []
        size = os.fstat(self._log).st_size
        return tail(os.pread(self._log, _LOG, max(0, size - _LOG)), self._record.path)

    def explain(self, refusal: openai.Refusal) -> PapinError:
        """Return the error for what the engine says, with what to type in papin."""
        record = self._record
        if refusal.kind == "too_long":
            return ProviderFailed(
                f"The chat is longer than the {record.n_ctx} tokens that {record.model} was loaded for",
                next_step="Start a new chat, or load it for longer ones: papin config set "
                f"providers.llamacpp.n_ctx {2 * record.n_ctx}, then papin models unload {record.model}",
            )
        if refusal.kind == "unsupported" and "embed" in refusal.message:
            return ProviderFailed(
                f"{record.model} is loaded for chats, not for embeddings",
                next_step="Use an embedding model, or have every model loaded for both: "
                f"papin config set providers.llamacpp.embedding true, then papin models unload {record.model}",
            )
        return openai.explain(refusal, "llama.cpp")
