"""The connections of clients, with the limits that Hypercorn has not: a client that does not read is let go."""

from __future__ import annotations

from typing import Any

import trio

__all__ = ["CONNECTION_LIMIT", "STALL_SECONDS", "Connection", "Connections"]

CONNECTION_LIMIT = 1000
STALL_SECONDS = 30
"""For so long a client may take nothing of what is sent to it."""

_PIECE = 1 << 16


class Connection:
    """A client's connection as Hypercorn uses it: a stream with a `socket`, without TLS."""

    def __init__(self, stream: trio.SocketStream, *, stall_seconds: float = STALL_SECONDS) -> None:
        self.socket = stream.socket
        self._stream = stream
        self._stall_seconds = stall_seconds
        self._is_ending = False

    async def send_all(self, data: bytes) -> None:
        """Send `data`; a client that takes nothing for too long is disconnected."""
        if self._is_ending:
            raise trio.ClosedResourceError
        view = memoryview(data)
        for start in range(0, len(data), _PIECE):
            with trio.move_on_after(self._stall_seconds) as scope:
                await self._stream.send_all(view[start : start + _PIECE])
            if scope.cancelled_caught:
                self.abort()
                raise trio.BrokenResourceError("the client takes nothing")

    async def receive_some(self, limit: int) -> bytes:
        """Return what came."""
        return bytes(await self._stream.receive_some(limit))

    async def send_eof(self) -> None:
        """Tell the client that nothing more comes."""
        self._is_ending = True
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    def abort(self) -> None:
        """Close the connection now, whoever waits in it: Hypercorn's own waits cannot be cancelled."""
        self.socket.close()


class Connections:
    """All connections that are open; those over the limit are turned away."""

    limit = CONNECTION_LIMIT

    def __init__(self) -> None:
        self._open: set[Connection] = set()
        self._none = trio.Event()

    async def hold(self, stream: trio.SocketStream, serve: Any) -> None:
        """Run `serve(connection)` for a new client, unless there are too many."""
        if len(self._open) >= self.limit:
            await trio.aclose_forcefully(stream)
            return
        connection = Connection(stream)
        self._open.add(connection)
        try:
            await serve(connection)
        finally:
            connection.abort()
            self._open.discard(connection)
            if not self._open:
                self._none.set()

    async def wait_none(self) -> None:
        """Wait until no client is connected."""
        while self._open:
            self._none = trio.Event()
            await self._none.wait()

    def abort_all(self) -> None:
        """Close every connection now."""
        for connection in self._open:
            connection.abort()
