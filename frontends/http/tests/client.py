"""A client over a real socket that can say anything, wrong things included."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import h11
import trio


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes = b""

    def json(self):
        return json.loads(self.body)


@dataclass
class Client:
    port: int
    token: str | None
    host: str = field(default="")

    def head(self, method: str, target: str, headers: dict[str, str | None], length: int) -> bytes:
        """Return a request's head; a header of None is left out."""
        usual = {"Host": self.host or f"127.0.0.1:{self.port}"}
        if self.token:
            usual["Authorization"] = f"Bearer {self.token}"
        if length:
            usual |= {"Content-Type": "application/json", "Content-Length": str(length)}
        lines = [f"{name}: {value}" for name, value in (usual | headers).items() if value is not None]
        return "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""]).encode("latin-1")

    async def connect(self) -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port)

    async def raw(self, data: bytes, method: str = "GET") -> Answer:
        """Send bytes and return the first answer to them."""
        async with await self.connect() as stream:
            await stream.send_all(data)
            return await read(stream, method)

    async def ask(self, method: str, target: str, json_body=None, body: bytes = b"", **headers: str | None) -> Answer:
        if json_body is not None:
            body = json.dumps(json_body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.raw(self.head(method, target, named, len(body)) + body, method)

    @asynccontextmanager
    async def stream(self, method: str, target: str, json_body=None, **headers: str | None):
        body = json.dumps(json_body).encode() if json_body is not None else b""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with await self.connect() as stream:
            await stream.send_all(self.head(method, target, named, len(body)) + body)
            yield Streaming(stream, method)


async def until(is_so) -> None:
    """Let the other tasks run until `is_so()`; a failure when that takes too long."""
    with trio.fail_after(60):
        while not is_so():
            await trio.lowlevel.checkpoint()


async def read(stream: trio.SocketStream, method: str = "GET") -> Answer:
    streaming = Streaming(stream, method)
    answer = await streaming.start()
    async for piece in streaming.pieces():
        answer.body += piece
    return answer


class Streaming:
    """An answer that is read while it comes."""

    def __init__(self, stream: trio.SocketStream, method: str) -> None:
        self.socket = stream
        self._machine = h11.Connection(h11.CLIENT)
        self._machine.send(h11.Request(method=method, target="/", headers=[("host", "x")]))
        self._machine.send(h11.EndOfMessage())
        self._left = b""
        self.is_complete = False

    async def _event(self):
        while (event := self._machine.next_event()) is h11.NEED_DATA:
            self._machine.receive_data(await self.socket.receive_some())
        return event

    async def start(self) -> Answer:
        event = await self._event()
        assert isinstance(event, h11.Response), event
        headers = [(name.decode(), value.decode("latin-1")) for name, value in event.headers]
        assert len(dict(headers)) == len(headers), "a header came twice"
        return Answer(event.status_code, dict(headers))

    def pieces(self):
        return Each(self._piece)

    def blocks(self):
        """Iterate over the blocks of a server-sent stream as dictionaries of their fields; comments are left out."""
        return Each(self._block)

    def events(self):
        """Iterate over the (id, event) of a stream of papin's events."""
        return Each(self._next_event)

    async def _piece(self) -> bytes:
        event = await self._event()
        if isinstance(event, h11.Data):
            return bytes(event.data)
        self.is_complete = isinstance(event, h11.EndOfMessage)
        raise StopAsyncIteration

    async def _block(self) -> dict[str, str]:
        while True:
            while b"\n\n" not in self._left:
                self._left += await self._piece()
            block, _, self._left = self._left.partition(b"\n\n")
            lines = [line.partition(": ") for line in block.decode().split("\n") if not line.startswith(":")]
            if lines:
                return {name: value for name, _, value in lines}

    async def _next_event(self):
        while "data" not in (block := await self._block()):
            continue
        return (int(block["id"]) if "id" in block else None), json.loads(block["data"])["event"]


class Each:
    """What `ask` returns, one after the other, until it raises `StopAsyncIteration`."""

    def __init__(self, ask) -> None:
        self._ask = ask

    def __aiter__(self):
        return self

    async def __anext__(self):
        return await self._ask()
