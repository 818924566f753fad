"""Answers of Ollama: a stream of lines of JSON, and what goes wrong in between."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import msgspec

from papin.errors import ProviderFailed
from papin.models import Embeddings, LoadedModel, Message, Reply, Timings
from papin_ollama._api import Api
from papin_ollama._failures import nonsense, said
from papin_ollama._memory import Memory
from papin_ollama._options import for_answer
from papin_ollama._wire import Embedded, Said

__all__ = ["embed", "open_chat", "open_completion", "replies"]

_MILLISECOND = 1e6  # in nanoseconds

_said = msgspec.json.Decoder(Said)


@asynccontextmanager
async def open_chat(
    api: Api, memory: Memory, loaded: LoadedModel, messages: Sequence[Message], options: dict[str, Any]
) -> AsyncIterator[AsyncIterator[Reply]]:
    """Open an answer to `messages`; leaving closes the connection, at which Ollama stops.

    Raises:
        ConfigInvalid: there is no such option.
        ProviderFailed: Ollama is gone or refuses; the iterator raises it too.
    """
    body = _body(memory, loaded, options) | {"messages": messages}
    async with api.lines("/api/chat", body) as lines, aclosing(replies(lines)) as found:
        yield found


@asynccontextmanager
async def open_completion(
    api: Api, memory: Memory, loaded: LoadedModel, prompt: str, options: dict[str, Any]
) -> AsyncIterator[AsyncIterator[Reply]]:
    """Open what follows `prompt`, without any template; as `open_chat`."""
    body = _body(memory, loaded, options) | {"prompt": prompt, "raw": True}
    async with api.lines("/api/generate", body) as lines, aclosing(replies(lines)) as found:
        yield found


def _body(memory: Memory, loaded: LoadedModel, options: dict[str, Any]) -> dict[str, Any]:
    asked = for_answer(options)
    body = memory.request(loaded)
    return body | asked | {"options": body["options"] | asked["options"], "stream": True}


async def replies(lines: AsyncIterator[str]) -> AsyncGenerator[Reply]:
    """Yield the pieces of an answer; the last one has a finish reason. What a model thinks is between `<think>` tags.

    Raises:
        ProviderFailed: it says that it failed, breaks off, or says what cannot be understood.
    """
    is_thinking = False
    async for line in lines:
        if not line:
            continue
        try:
            piece = _said.decode(line)
        except (msgspec.DecodeError, RecursionError) as error:
            raise nonsense(str(error)) from error
        if piece.error:
            raise ProviderFailed(f"Ollama does not go on: {said(piece.error)}", next_step="Ask again.")
        thought, text = _parts(piece)
        before = "<think>" if thought and not is_thinking else ""
        after = "</think>" if is_thinking and not thought and (text or piece.done) else ""
        is_thinking = (is_thinking or bool(thought)) and not after
        words = f"{before}{thought}{after}{text}"
        if words or piece.done:
            yield _reply(words, piece)
        if piece.done:
            return
    raise ProviderFailed("The answer of Ollama stopped in the middle", next_step="Ask again.")


def _parts(piece: Said) -> tuple[str, str]:
    if piece.message is not None:
        return piece.message.thinking, piece.message.content
    return piece.thinking, piece.response


def _reply(words: str, piece: Said) -> Reply:
    if not piece.done:
        return Reply(text=words)
    timings = Timings(
        prompt_n=piece.prompt_eval_count,
        prompt_ms=piece.prompt_eval_duration / _MILLISECOND,
        predicted_n=piece.eval_count,
        predicted_ms=piece.eval_duration / _MILLISECOND,
    )
    return Reply(text=words, finish_reason=piece.done_reason or "stop", timings=timings)


async def embed(api: Api, memory: Memory, loaded: LoadedModel, texts: Sequence[str]) -> Embeddings:
    """Return a vector for each text.

    Raises:
        ProviderFailed: the model does not embed, or not every text has a vector.
    """
    if not texts:
        return Embeddings(vectors=())
    body = memory.request(loaded) | {"input": list(texts)}
    found = await api.ask("POST", "/api/embed", Embedded, body, is_work=True)
    if len(found.embeddings) != len(texts):
        raise nonsense(f"{len(found.embeddings)} vectors for {len(texts)} texts")
    return Embeddings(vectors=tuple(tuple(each) for each in found.embeddings), prompt_n=found.prompt_eval_count)
