"""An HTTP server that misbehaves as it is told, on this machine only, for tests of whoever downloads.

    async with fault_server(body) as server:
        server.play(cut(at=1000))               # for the first request; after the last script it behaves
        ...  # fetch server.url
        assert server.sent <= len(body) + 1000  # bytes of bodies that went out

Real sockets, one request for each connection, everything bounded. The scripts are in `papin.testing.fault_scripts`;
one is any async function that is given an `Exchange`.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

__all__ = ["Exchange", "FaultServer", "Request", "Script", "fault_server"]

_LONGEST_HEAD = 64 << 10
_LARGEST_BODY = 1 << 20
_BUFFER = 64 << 10  # of the socket, so that what was sent is nearly what arrived
_PIECE = 256 << 10
_CONNECTIONS = 64


@dataclass
class Request:
    """What a client asked. Header names are in lower case; `sent` counts the bytes of the body of the answer."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""
    sent: int = 0

    @property
    def start(self) -> int:
        """The first byte that was asked for; 0 without a range."""
        text = self.headers.get("range", "").removeprefix("bytes=").partition("-")[0]
        return int(text) if text.isdigit() else 0

    @property
    def stop(self) -> int | None:
        """The byte after the last one that was asked for; None for the end."""
        text = self.headers.get("range", "").rpartition("-")[2]
        return int(text) + 1 if text.isdigit() else None


@dataclass
class FaultServer:
    """A running server: `url` is where it serves `body`; every path is served alike."""

    body: bytes
    etag: str | None
    scheme: str
    host: str
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    scripts: deque[Script] = field(default_factory=deque)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The address of the file."""
        return f"{self.origin}/model.gguf"

    @property
    def sent(self) -> int:
        """Bytes of bodies that went out, in all answers together."""
        return sum(request.sent for request in self.requests)

    def play(self, *scripts: Script) -> None:
        """Answer the next requests by `scripts`, one each."""
        self.scripts.extend(scripts)


@dataclass
class Exchange:
    """One request and its answer."""

    server: FaultServer
    request: Request
    stream: trio.abc.Stream

    async def head(self, status: int, headers: Mapping[str, str | int | None]) -> None:
        """Send the status line and the headers; those that are None are left out."""
        lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
        text = "\r\n".join([f"HTTP/1.1 {status} Scripted", "Connection: close", *lines, "", ""])
        await self.stream.send_all(text.encode("latin-1"))

    async def send(self, data: bytes | memoryview, *, framed: bytes | None = None) -> None:
        """Send bytes that are part of the body, counting them; `framed` is what they look like on the wire."""
        if framed is not None:
            await self.stream.send_all(framed)
            self.request.sent += len(data)
            return
        view = memoryview(data)
        while view:
            await self.stream.send_all(view[:_PIECE])
            self.request.sent += len(view[:_PIECE])
            view = view[_PIECE:]

    async def send_raw(self, data: bytes) -> None:
        """Send bytes that are framing."""
        await self.stream.send_all(data)

    @property
    def _transport(self) -> trio.SocketStream:
        transport = self.stream.transport_stream if isinstance(self.stream, trio.SSLStream) else self.stream
        assert isinstance(transport, trio.SocketStream)
        return transport

    def send_at_once(self) -> None:
        """Have every call of `send` go out as a segment of its own."""
        self._transport.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)

    async def reset(self) -> None:
        """End the connection by RST, as a broken line or a crashed server does."""
        self._transport.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await trio.aclose_forcefully(self._transport)


Script = Callable[[Exchange], Awaitable[None]]


async def _read_request(stream: trio.abc.Stream) -> Request | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = await stream.receive_some(_LONGEST_HEAD)
        data += piece
        if not piece or len(data) > _LONGEST_HEAD:
            return None
    head, _, body = data.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    length = min(int(headers.get("content-length", "0")), _LARGEST_BODY)
    while len(body) < length:
        piece = await stream.receive_some(_PIECE)
        if not piece:
            return None
        body += piece
    return Request(method, target, headers, body)


class _Handler:
    def __init__(self, server: FaultServer, default: Script, tls: ssl.SSLContext | None) -> None:
        self._server = server
        self._default = default
        self._tls = tls
        self._limiter = trio.CapacityLimiter(_CONNECTIONS)

    async def __call__(self, connection: trio.SocketStream) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        stream: trio.abc.Stream = connection
        if self._tls is not None:
            stream = trio.SSLStream(connection, self._tls, server_side=True, https_compatible=True)
        async with self._limiter:
            try:
                await self._answer(stream)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return  # the client went away, or the script did
            finally:
                await trio.aclose_forcefully(connection)

    async def _answer(self, stream: trio.abc.Stream) -> None:
        request = await _read_request(stream)
        if request is None:
            return
        server = self._server
        server.requests.append(request)
        script = server.scripts.popleft() if server.scripts else self._default
        await script(Exchange(server, request, stream))
        await _hang_up(stream)


async def _hang_up(stream: trio.abc.Stream) -> None:
    """End the answer, and wait until the client did too: closing at once may throw away what is still on its way."""
    if isinstance(stream, trio.SSLStream):
        await stream.aclose()
        return
    assert isinstance(stream, trio.SocketStream)
    await stream.send_eof()
    while await stream.receive_some(_PIECE):
        continue


@asynccontextmanager
async def fault_server(
    body: bytes,
    *scripts: Script,
    etag: str | None = '"v1"',
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    default: Script | None = None,
) -> AsyncIterator[FaultServer]:
    """Serve `body` at every path of a free port here, by `scripts` first and by `default` (properly) after."""
    from papin.testing.fault_scripts import ok  # noqa: PLC0415  # they are written in terms of this module

    server = FaultServer(body=body, etag=etag, scheme="https" if tls else "http", host=host)
    server.play(*scripts)
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(port, host=host)
        server.port = listeners[0].socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, _Handler(server, default or ok(), tls), listeners)
        yield server
        nursery.cancel_scope.cancel()
