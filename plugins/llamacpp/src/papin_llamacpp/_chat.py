"""An answer of an engine: the request, the stream of server-sent events, and what goes wrong in between."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

import msgspec
import trio

from papin.errors import ProviderFailed, TransferFailed
from papin.http import Http, Patience
from papin.models import LoadedModel, Message, Reply, Timings
from papin_llamacpp._deaths import wait_until_dead
from papin_llamacpp._failures import died, tail
from papin_llamacpp._options import translate
from papin_llamacpp._records import Engines
from papin_llamacpp._spec import Record

__all__ = ["open_chat"]

# A long prompt on a slow machine is silent for many minutes; an engine that dies closes the connection at once.
_PATIENCE = Patience(connect=5, header=3600, silence=3600)
_LINE = 1 << 20
_OK = 200
_DYING = 2.0
_LOG = 64 << 10
_SENTENCE = 300


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)
    finish_reason: str | None = None


class _Error(msgspec.Struct):
    message: str = ""
    type: str = ""


class _Piece(msgspec.Struct):
    choices: list[_Choice] = []
    timings: Timings | None = None
    error: _Error | None = None


_piece = msgspec.json.Decoder(_Piece)


@asynccontextmanager
async def open_chat(
    http: Http, engines: Engines, loaded: LoadedModel, messages: Sequence[Message], options: dict[str, Any]
) -> AsyncIterator[AsyncIterator[Reply]]:
    """Open the answer of an engine; leaving the context closes the connection, at which the engine stops.

    Raises:
        ConfigInvalid: there is no such option.
        ProviderFailed: the engine is gone or refuses; the iterator raises it too.
    """
    body = {"model": loaded.model, "messages": messages, "stream": True, **translate(options)}
    record = await trio.to_thread.run_sync(_find, engines, loaded)
    engines.touch(record.engine)
    with contextlib.closing(_Talk(engines, record)) as talk:
        async with AsyncExitStack() as stack:
            async with talk.broken_means_dead():
                client = await stack.enter_async_context(
                    http.client(record.address, token=record.key, patience=_PATIENCE)
                )
                answer = await stack.enter_async_context(client.stream("POST", "/v1/chat/completions", json=body))
                if answer.status != _OK:
                    raise _refusal(record, await answer.read())
            yield await stack.enter_async_context(aclosing(talk.replies(answer.lines(_LINE))))


def _find(engines: Engines, loaded: LoadedModel) -> Record:
    records = engines.of(loaded.model)
    if not records:
        raise died(loaded.model, [])
    same = [record for record in records if record.address == loaded.address]
    return (same or records)[-1]


class _Talk:
    """One answer of one engine, with a hold on the engine's log: who sweeps a dead engine removes that."""

    def __init__(self, engines: Engines, record: Record) -> None:
        self._engines = engines
        self._record = record
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

    async def replies(self, lines: AsyncIterator[str]) -> AsyncGenerator[Reply]:
        """Yield the pieces of the answer; the last one has a finish reason."""
        while True:
            async with self.broken_means_dead():
                line = await anext(lines, None)
            if line is None:
                raise await self._judge(None)
            reply = _reply(self._record, line)
            if reply is None:
                continue
            yield reply
            if reply.finish_reason:
                return

    async def _judge(self, error: TransferFailed | None) -> ProviderFailed:
        # A process that dies lets go of its connections a moment before its lock.
        with trio.move_on_after(_DYING):
            await wait_until_dead(self._engines, self._record.engine)
            return died(self._record.model, self._log_tail())
        why = error.message if error else "its answer stopped in the middle"
        return ProviderFailed(
            f"The engine of {self._record.model} does not answer as it should: {why}",
            next_step=f"Type: papin models unload {self._record.model}, and ask again.",
        )

    def _log_tail(self) -> list[str]:
        if self._log is None:
            return []
        size = os.fstat(self._log).st_size
        return tail(os.pread(self._log, _LOG, max(0, size - _LOG)), self._record.path)


def _reply(record: Record, line: str) -> Reply | None:
    """Return what a line of the stream says, or None for one that says nothing."""
    field, _, data = line.partition(":")
    data = data.strip()
    if field not in {"data", "error"} or data == "[DONE]":
        return None
    try:
        piece = _piece.decode(data) if field == "data" else _Piece(error=msgspec.json.decode(data, type=_Error))
    except (msgspec.DecodeError, RecursionError) as error:
        raise ProviderFailed(
            f"The engine of {record.model} answered with something that is not llama.cpp's",
            next_step=f"Type: papin models unload {record.model}, and ask again.",
        ) from error
    if piece.error is not None:
        raise _failure(record, piece.error)
    choice = piece.choices[0] if piece.choices else _Choice()
    reply = Reply(
        text=choice.delta.content or "",
        finish_reason=choice.finish_reason or "",
        timings=piece.timings if choice.finish_reason else None,
    )
    return reply if reply.text or reply.finish_reason else None


def _refusal(record: Record, body: bytes) -> ProviderFailed:
    try:
        error = _piece.decode(body).error
    except (msgspec.DecodeError, RecursionError):
        error = None
    return _failure(record, error or _Error(message="it gave no reason"))


def _failure(record: Record, error: _Error) -> ProviderFailed:
    if "exceed_context" in error.type or "context size" in error.message:
        return ProviderFailed(
            f"The chat is longer than the {record.n_ctx} tokens that {record.model} was loaded for",
            next_step="Start a new chat, or load it for longer ones: "
            f"papin config set providers.llamacpp.n_ctx {2 * record.n_ctx}, then papin models unload {record.model}",
        )
    return ProviderFailed(
        f"llama.cpp does not answer this: {error.message[:_SENTENCE]}",
        next_step="Change the options or the messages, and ask again.",
    )
