"""The client half of the HTTP API that llama-server, LocalAI, LM Studio and others speak after OpenAI's example.

    async with context.http.client(address, token=key, patience=openai.PATIENCE) as client:
        api = openai.Api(client, who="LM Studio")
        async with api.chat("qwen3", messages, {"temperature": 0.2, "n_predict": 100}) as replies:
            async for reply in replies:
                print(reply.text, end="")

Everything that comes is bounded: bodies, lines, names, messages. What a server refuses, in whichever way it does (a
status, an error in the middle of a stream that began with 200), becomes a `Refusal` and that an error of
`papin.errors`. The shapes are those of the servers' own sources and answers: not all send all of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import trio

from papin.errors import LoginRequired, NotFound, PapinError, ProviderFailed, TransferFailed
from papin.http import Patience
from papin.models import Embeddings, Message, Reply, Timings, Value

if TYPE_CHECKING:
    from papin.http import Client

__all__ = ["PATIENCE", "Api", "Refusal", "ServedModel", "explain", "parse_refusal"]

PATIENCE = Patience(connect=5, header=3600, silence=3600)
"""For answers: a long prompt on a slow machine is silent for many minutes; a server that dies hangs up at once."""

_LINE = 1 << 20
_BODY = 64 << 20  # vectors are long when they are written as text
_SENTENCE = 300
_NAME = 512
_MOST_MODELS = 10_000
_LAST_WORDS = 2.0  # seconds that a server may take from its last word to saying that it was


class ServedModel(Value, frozen=True, kw_only=True):
    """A model as `/v1/models` lists it; what a server does not tell is None."""

    id: str
    n_ctx: int | None = None
    n_ctx_train: int | None = None
    n_params: int | None = None
    size: int | None = None
    ftype: str = ""


class Refusal(Value, frozen=True, kw_only=True):
    """What a server said instead of an answer: its own words, bounded and printable, and what they amount to.

    `kind`: `login` no key or a wrong one, `not_found` no such model or route, `loading` not yet, `too_long` more than
    the context that the model was loaded with, `unsupported` the server or the model cannot do it.
    """

    kind: Literal["login", "not_found", "loading", "too_long", "unsupported", "other"]
    message: str
    status: int = 0


class _Error(msgspec.Struct):
    message: str | None = None
    type: str | None = None
    code: int | str | None = None


class _Text(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Text | None = None
    message: _Text | None = None
    text: str | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Piece(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    timings: Timings | None = None
    error: _Error | str | None = None


class _Meta(msgspec.Struct):
    n_ctx: int | None = None
    n_ctx_train: int | None = None
    n_params: int | None = None
    size: int | None = None
    ftype: str | None = None


class _Listed(msgspec.Struct):
    id: str
    meta: _Meta | None = None


class _Models(msgspec.Struct):
    data: list[_Listed] | None = None


class _Vector(msgspec.Struct):
    embedding: tuple[float, ...]
    index: int = 0


class _Vectors(msgspec.Struct):
    data: list[_Vector]
    usage: _Usage | None = None


class _Refused(msgspec.Struct):
    error: _Error | str | None = None
    message: str | None = None
    detail: str | None = None


_piece = msgspec.json.Decoder(_Piece)
_refused = msgspec.json.Decoder(_Refused)


def parse_refusal(status: int, body: bytes) -> Refusal:
    """Return what an answer that is none says, however the server words it."""
    try:
        said = _refused.decode(body[:_LINE])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _judge(status, _Error())
    error = said.error if isinstance(said.error, _Error) else _Error(message=said.error)
    return _judge(status, msgspec.structs.replace(error, message=error.message or said.message or said.detail))


def _judge(status: int, error: _Error) -> Refusal:
    message = "".join(letter if letter.isprintable() else " " for letter in (error.message or "")[:_SENTENCE]).strip()
    status = error.code if isinstance(error.code, int) and status < HTTPStatus.BAD_REQUEST else status
    return Refusal(kind=_kind(status, error.type or "", message.lower()), message=message, status=status)


def _kind(
    status: int, word: str, message: str
) -> Literal["login", "not_found", "loading", "too_long", "unsupported", "other"]:
    if "exceed_context" in word or "context size" in message or "context length" in message:
        return "too_long"
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return "login"
    if status == HTTPStatus.SERVICE_UNAVAILABLE and ("unavailable" in word or "loading" in message):
        return "loading"
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        return "not_found"
    if status in {HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.METHOD_NOT_ALLOWED} or "not_supported" in word:
        return "unsupported"
    return "other"


def explain(refusal: Refusal, who: str) -> PapinError:
    """Return the error for what the server `who` said; a plugin that knows better what to do next has its own."""
    said = refusal.message or (f"it answered with status {refusal.status}" if refusal.status else "it gave no reason")
    if refusal.kind == "login":
        return LoginRequired(f"{who} wants a key: {said}", next_step="Set the key of this provider, and ask again.")
    if refusal.kind == "not_found":
        return NotFound(f"{who} does not have this: {said}", next_step="papin models list shows what is there.")
    if refusal.kind == "loading":
        return ProviderFailed(f"{who} is still loading the model", next_step="Ask again in a moment.")
    if refusal.kind == "too_long":
        return ProviderFailed(
            f"This is longer than the context that the model was loaded with: {said}",
            next_step="Start a new chat, or load the model with a longer context.",
        )
    return ProviderFailed(f"{who} does not answer this: {said}", next_step="Change what you ask, and ask again.")


class Api:
    """Asks one server. `who` is its name in messages; `errors` makes the error of a refusal."""

    def __init__(self, client: Client, who: str, *, errors: Callable[[Refusal], PapinError] | None = None) -> None:
        self._client = client
        self._who = who
        self._errors = errors or (lambda refusal: explain(refusal, who))

    async def models(self) -> tuple[ServedModel, ...]:
        """Return what the server lists; names that cannot be shown or are too long are left out.

        Raises:
            TransferFailed: it cannot be asked, or answers nonsense.
            PapinError: it refuses.
        """
        answer = await self._client.request("GET", "/v1/models")
        if not answer.is_success:
            raise self._errors(parse_refusal(answer.status, answer.body))
        return tuple(
            ServedModel(id=each.id, **_known(each.meta))
            for each in ((await answer.decoded(_Models)).data or [])[:_MOST_MODELS]
            if each.id and len(each.id) <= _NAME and each.id.isprintable()
        )

    @asynccontextmanager
    async def chat(
        self, model: str, messages: Sequence[Message], options: Mapping[str, Any]
    ) -> AsyncIterator[AsyncIterator[Reply]]:
        """Open the answer to `messages`; leaving the context closes the connection, at which servers stop.

        `options` are sampling values by their llama.cpp names, and what else this server takes.

        Raises:
            TransferFailed: the server cannot be reached, or its answer broke off; the iterator raises it too.
            PapinError: it refuses; the iterator raises it too.
        """
        async with self._open("/v1/chat/completions", {"model": model, "messages": messages}, options) as replies:
            yield replies

    @asynccontextmanager
    async def complete(
        self, model: str, prompt: str, options: Mapping[str, Any]
    ) -> AsyncIterator[AsyncIterator[Reply]]:
        """Open what follows `prompt`; as `chat`."""
        async with self._open("/v1/completions", {"model": model, "prompt": prompt}, options) as replies:
            yield replies

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Return a vector for each text. Raises as `chat`, and `ProviderFailed` for an answer that does not fit."""
        if not texts:
            return Embeddings(vectors=())
        body = {"model": model, "input": list(texts)}
        answer = await self._client.request("POST", "/v1/embeddings", json=body, limit=_BODY)
        if not answer.is_success:
            raise self._errors(parse_refusal(answer.status, answer.body))
        given = await answer.decoded(_Vectors)
        found = {each.index: each.embedding for each in given.data}
        if sorted(found) != list(range(len(texts))) or len(set(map(len, found.values()))) != 1:
            raise ProviderFailed(
                f"{self._who} did not answer with one vector for each text",
                next_step="Check that the model is one that embeds.",
            )
        vectors = tuple(found[number] for number in range(len(texts)))
        return Embeddings(vectors=vectors, prompt_n=given.usage.prompt_tokens if given.usage else 0)

    @asynccontextmanager
    async def _open(
        self, path: str, asked: Mapping[str, Any], options: Mapping[str, Any]
    ) -> AsyncIterator[AsyncIterator[Reply]]:
        body = {**asked, "stream": True, "stream_options": {"include_usage": True}, **options}
        if "n_predict" in body:
            body["max_tokens"] = body.pop("n_predict")
        began = trio.current_time()
        async with self._client.stream("POST", path, json=body) as answer:
            if not answer.is_success:
                raise self._errors(parse_refusal(answer.status, await answer.read(_LINE)))
            reading = _Reading(self._who, self._errors, began)
            async with aclosing(reading.replies(answer.lines(_LINE))) as replies:
                yield replies


def _known(meta: _Meta | None) -> dict[str, Any]:
    said = msgspec.structs.asdict(meta) if meta else {}
    return {field: value for field, value in said.items() if value is not None}


def _is_end(line: str) -> bool:
    return line.startswith("data:") and line.removeprefix("data:").strip() == "[DONE]"


class _Reading:
    """Makes replies of the lines of one stream, and its timings where the server does not send any."""

    def __init__(self, who: str, errors: Callable[[Refusal], PapinError], began: float) -> None:
        self._who = who
        self._errors = errors
        self._began = began
        self._first: float | None = None
        self._last = began
        self._finish = ""
        self._usage: _Usage | None = None
        self._timings: Timings | None = None
        self._is_thinking = False

    async def replies(self, lines: AsyncIterator[str]) -> AsyncGenerator[Reply]:
        """Yield the pieces of the answer; the last one, and no other, has a finish reason."""
        while not self._finish:
            line = await anext(lines, None)
            if line is None or _is_end(line):
                raise TransferFailed(
                    f"The answer of {self._who} stopped in the middle", next_step="Ask again, and look at its log."
                )
            if text := self._take(line):
                yield Reply(text=text)
        await self._wait_for_figures(lines)
        yield Reply(finish_reason=self._finish, timings=self._timings or self._measured())

    async def _wait_for_figures(self, lines: AsyncIterator[str]) -> None:
        # They come after the last word, in a piece of their own. The answer is whole without them.
        with trio.move_on_after(_LAST_WORDS), contextlib.suppress(TransferFailed):
            while self._timings is None:
                line = await anext(lines, None)
                if line is None or _is_end(line):
                    return
                self._take(line)

    def _take(self, line: str) -> str:
        """Take in a line; return the text in it."""
        field, _, data = line.partition(":")
        if line.startswith("{"):
            field, data = "data", line  # a server that does not stream
        data = data.strip()
        if field not in {"data", "error"} or not data:
            return ""
        piece = self._decode(field, data)
        self._usage = piece.usage or self._usage
        self._timings = piece.timings or self._timings
        return self._text(piece.choices[0]) if piece.choices else ""

    def _decode(self, field: str, data: str) -> _Piece:
        try:
            piece = _piece.decode(data) if field == "data" else _Piece(error=msgspec.json.decode(data, type=_Error))
        except (msgspec.DecodeError, RecursionError) as error:
            raise ProviderFailed(
                f"{self._who} answered with something that is no answer", next_step="Check its address and its version."
            ) from error
        if piece.error is not None:
            said = piece.error if isinstance(piece.error, _Error) else _Error(message=piece.error)
            raise self._errors(_judge(HTTPStatus.OK, said))
        return piece

    def _text(self, choice: _Choice) -> str:
        self._finish = choice.finish_reason or self._finish
        said = choice.delta or choice.message or _Text(content=choice.text)
        text = self._aloud(said.reasoning_content or "", said.content or "")
        if text:
            self._last = trio.current_time()
            self._first = self._last if self._first is None else self._first
        return text

    def _aloud(self, thought: str, text: str) -> str:
        # Servers that take the thoughts out of the text get them back into it, as the models themselves write them.
        if thought and not self._is_thinking:
            self._is_thinking, thought = True, f"<think>{thought}"
        if self._is_thinking and (text or self._finish):
            self._is_thinking, thought = False, f"{thought}</think>\n"
        return thought + text

    def _measured(self) -> Timings:
        first = self._last if self._first is None else self._first
        usage = self._usage or _Usage()
        return Timings(
            prompt_n=usage.prompt_tokens,
            prompt_ms=(first - self._began) * 1000,
            predicted_n=usage.completion_tokens,
            predicted_ms=(self._last - first) * 1000,
        )
