"""A response whose body is made while it is sent, and that ends when its client is gone or the server stops."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import trio

from papin.errors import Cancelled, PapinError, expected
from papin_http._problems import document

__all__ = ["NDJSON", "SSE", "Streamed", "Writer", "ndjson", "sse"]

SSE = "text/event-stream"
NDJSON = "application/x-ndjson"

_encode = msgspec.json.Encoder().encode


def sse(data: bytes, seq: int | None = None) -> bytes:
    """Return `data`, which is one line, as a server-sent event; `seq` is what a client resumes from."""
    head = b"" if seq is None else b"id: %d\n" % seq
    return head + b"data: " + data + b"\n\n"


def ndjson(data: bytes) -> bytes:
    """Return `data` as a line."""
    return data + b"\n"


class Writer:
    """Sends a body piece by piece; the response starts with the first one."""

    def __init__(self, send: Callable[[Any], Awaitable[None]], media_type: str) -> None:
        self._send = send
        self._media_type = media_type
        self.started = False

    async def write(self, data: bytes) -> None:
        """Send `data`, waiting until the client takes it."""
        if not self.started:
            self.started = True
            headers = [(b"content-type", f"{self._media_type}; charset=utf-8".encode())]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def close(self) -> None:
        """End the response properly."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


async def _cancel_after(wait: Callable[[], Awaitable[Any]], scope: trio.CancelScope) -> None:
    await wait()
    scope.cancel()


class Streamed:
    """A response that `produce` writes, as an ASGI application.

    An error of papin before the first piece becomes a problem document with its status; after it, the last piece is
    `{"problem": {...}}`. When `stopping` is set the response ends at once.
    """

    def __init__(self, media_type: str, produce: Callable[[Writer], Awaitable[None]], stopping: trio.Event) -> None:
        self._media_type = media_type
        self._frame = sse if media_type == SSE else ndjson
        self._produce = produce
        self._stopping = stopping

    async def __call__(self, _scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Any]) -> None:
        """Send the response."""
        writer = Writer(send, self._media_type)
        gone = trio.Event()

        async def wait_gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                continue
            gone.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_after, wait_gone, nursery.cancel_scope)
            nursery.start_soon(_cancel_after, self._stopping.wait, nursery.cancel_scope)
            await self._attempt(writer)
            nursery.cancel_scope.cancel()
        if gone.is_set():
            return
        if not writer.started:
            raise Cancelled("papin serve is stopping.", next_step="Ask again when it runs.")
        await writer.close()

    async def _attempt(self, writer: Writer) -> None:
        try:
            await self._produce(writer)
        except (PapinError, ExceptionGroup) as error:
            known = expected(error)
            if known is None or not writer.started:
                raise
            await writer.write(self._frame(_encode({"problem": document(known.problem())})))
