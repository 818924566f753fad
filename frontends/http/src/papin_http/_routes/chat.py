"""What models answer: chats and continuations, streamed as they come, and vectors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

import msgspec
from litestar import Response, Router, post
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp

from papin.models import Embeddings, Reply
from papin_http._core import PROBLEMS, Asked, kernel_of, stopping_of
from papin_http._shapes import ChatRequest, CompletionRequest, EmbeddingRequest
from papin_http._streams import NDJSON, SSE, Streamed, Writer, ndjson, sse

__all__ = ["router"]

_encode = msgspec.json.Encoder().encode


Opening = Callable[[], AbstractAsyncContextManager[AsyncIterator[Reply]]]


async def _whole(opening: Opening) -> Reply:
    pieces = list[Reply]()
    async with opening() as replies:
        async for reply in replies:
            pieces.append(reply)
    last = pieces[-1] if pieces else Reply()
    return Reply(text="".join(piece.text for piece in pieces), finish_reason=last.finish_reason, timings=last.timings)


def _streamed(request: Asked, opening: Opening) -> Streamed:
    media_type = NDJSON if NDJSON in request.headers.get("accept", "") else SSE
    frame = ndjson if media_type == NDJSON else sse

    async def produce(writer: Writer) -> None:
        async with opening() as replies:
            async for reply in replies:
                await writer.write(frame(_encode(reply)))

    return Streamed(media_type, produce, stopping_of(request))


async def _answer(request: Asked, opening: Opening, *, stream: bool) -> ASGIApp:
    if stream:
        return _streamed(request, opening)
    return Response(await _whole(opening)).to_asgi_response(app=None, request=request)


@post("/models/{model:str}/chat", operation_id="chat", status_code=200, responses=PROBLEMS)
async def chat(request: Asked, model: FromPath[str], data: JSONBody[ChatRequest]) -> ASGIApp:
    """Answer a chat, loading the model when needed: a stream of replies, or one when `stream` is false.

    The stream is server-sent events, or lines of JSON for `Accept: application/x-ndjson`. Its last reply carries
    `finish_reason` and `timings`; a failure in the middle is told as a last piece `{"problem": {...}}`.
    """
    ask = partial(kernel_of(request).models.chat, model, data.messages)
    opening = partial(ask, options=data.options, settings=data.settings, provider=data.provider or None)
    return await _answer(request, opening, stream=data.stream)


@post("/models/{model:str}/complete", operation_id="complete", status_code=200, responses=PROBLEMS)
async def complete(request: Asked, model: FromPath[str], data: JSONBody[CompletionRequest]) -> ASGIApp:
    """Go on with a text just as it stands, without any chat template; answered as a chat is."""
    ask = partial(kernel_of(request).models.complete, model, data.prompt)
    opening = partial(ask, options=data.options, settings=data.settings, provider=data.provider or None)
    return await _answer(request, opening, stream=data.stream)


@post("/models/{model:str}/embed", operation_id="embed", status_code=200, responses=PROBLEMS)
async def embed(request: Asked, model: FromPath[str], data: JSONBody[EmbeddingRequest]) -> Embeddings:
    """Turn texts into vectors, loading the model when needed."""
    ask = kernel_of(request).models.embed
    return await ask(model, data.texts, settings=data.settings, provider=data.provider or None)


router = Router(path="/", route_handlers=[chat, complete, embed], tags=["models"])
