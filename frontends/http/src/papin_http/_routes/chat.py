"""The chat with a model, streamed as it is answered."""

from __future__ import annotations

import msgspec
from litestar import Response, Router, post
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp

from papin.models import Reply
from papin_http._core import PROBLEMS, Asked, kernel_of, stopping_of
from papin_http._shapes import ChatRequest
from papin_http._streams import NDJSON, SSE, Streamed, Writer, ndjson, sse

__all__ = ["router"]

_encode = msgspec.json.Encoder().encode


async def _whole(request: Asked, model: str, asked: ChatRequest) -> Reply:
    pieces = list[Reply]()
    chat = kernel_of(request).models.chat(model, asked.messages, options=asked.options, settings=asked.settings)
    async with chat as replies:
        async for reply in replies:
            pieces.append(reply)
    last = pieces[-1] if pieces else Reply()
    return Reply(text="".join(piece.text for piece in pieces), finish_reason=last.finish_reason, timings=last.timings)


def _streamed(request: Asked, model: str, asked: ChatRequest) -> Streamed:
    media_type = NDJSON if NDJSON in request.headers.get("accept", "") else SSE
    frame = ndjson if media_type == NDJSON else sse

    async def produce(writer: Writer) -> None:
        chat = kernel_of(request).models.chat(model, asked.messages, options=asked.options, settings=asked.settings)
        async with chat as replies:
            async for reply in replies:
                await writer.write(frame(_encode(reply)))

    return Streamed(media_type, produce, stopping_of(request))


@post("/models/{model:str}/chat", operation_id="chat", status_code=200, responses=PROBLEMS)
async def chat(request: Asked, model: FromPath[str], data: JSONBody[ChatRequest]) -> ASGIApp:
    """Answer a chat, loading the model when needed: a stream of replies, or one when `stream` is false.

    The stream is server-sent events, or lines of JSON for `Accept: application/x-ndjson`. Its last reply carries
    `finish_reason` and `timings`; a failure in the middle is told as a last piece `{"problem": {...}}`.
    """
    if data.stream:
        return _streamed(request, model, data)
    reply = await _whole(request, model, data)
    return Response(reply).to_asgi_response(app=None, request=request)


router = Router(path="/", route_handlers=[chat], tags=["models"])
