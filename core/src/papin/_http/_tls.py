"""TLS over a connection, made for large bodies: one wait brings in many records, and they are decrypted in place.

A record is 16 KiB at most. `trio.SSLStream` hands out one at a time, and a turn of the event loop for each of them is
what bounds a fast download.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import trio

_FILL = 512 << 10
_RECORD = 16 << 10

T = TypeVar("T")


class Secure(trio.abc.Stream):
    """The client's side of TLS over `transport`. An end without a goodbye is an end, as HTTP has lengths of its own."""

    def __init__(self, transport: trio.abc.Stream, context: ssl.SSLContext, server_hostname: str | None) -> None:
        self.transport = transport
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        # Of any type: typeshed does not know that bytes are read into any buffer.
        self._tls: Any = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_hostname)
        self._sending = trio.Lock()
        self._cipher = memoryview(bytearray(_FILL))
        self.has_more = False

    async def do_handshake(self) -> None:
        """Agree on keys and verify the certificate. Raises `ssl.SSLError` and `trio.BrokenResourceError`."""
        await self._until_done(self._tls.do_handshake)

    async def receive_into(self, buffer: memoryview) -> int:
        """Fill `buffer` with what is there, waiting until something is; return the bytes, 0 at the end.

        `has_more` tells then whether still more was waiting.
        """
        while True:
            count, ended = self._decrypt(buffer)
            if self._outgoing.pending:  # the answer to a change of keys
                await self._flush()
            if count or ended:
                await trio.lowlevel.checkpoint()
                return count
            await self._fill(len(buffer))

    def _decrypt(self, buffer: memoryview) -> tuple[int, bool]:
        count = 0
        try:
            while count < len(buffer):
                got = self._tls.read(len(buffer) - count, buffer[count:])
                if not got:
                    return count, True
                count += got
        except ssl.SSLWantReadError:
            return count, False
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return count, True
        return count, False

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return up to `max_bytes` of what came, or nothing at the end."""
        buffer = bytearray(max_bytes or _FILL)
        count = await self.receive_into(memoryview(buffer))
        del buffer[count:]
        return bytes(buffer)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send `data`."""
        view = memoryview(data)
        while view:
            sent = await self._until_done(partial(self._tls.write, view))
            view = view[sent:]

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the transport has room."""
        assert isinstance(self.transport, trio.abc.SendStream)
        await self.transport.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the transport, without a goodbye: nobody waits for one."""
        await self.transport.aclose()

    async def _until_done(self, act: Callable[[], T]) -> T:
        while True:
            try:
                done = act()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._fill()
            except ssl.SSLError:
                # The other side is told why, if it still listens; why is what the caller is told.
                await self._say_goodbye()
                raise
            else:
                await self._flush()
                return done

    async def _say_goodbye(self) -> None:
        try:
            await self._flush()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return

    async def _flush(self) -> None:
        async with self._sending:
            data = self._outgoing.read()
            if data:
                await self.transport.send_all(data)

    async def _fill(self, wanted: int = _FILL) -> None:
        # What is wanted and not much more: what was taken from the socket and is not written is lost by a kill.
        cipher = self._cipher[: wanted + _RECORD]
        if isinstance(self.transport, trio.SocketStream):
            # Into memory that is there already: fresh memory for every piece costs as much as decrypting it.
            count = await self.transport.socket.recv_into(cipher)
            self.has_more = count == len(cipher) and self.transport.socket.is_readable()
        else:
            data = await self.transport.receive_some(len(cipher))
            count = len(data)
            self._cipher[:count] = data
        if count:
            self._incoming.write(self._cipher[:count])
        else:
            self._incoming.write_eof()
