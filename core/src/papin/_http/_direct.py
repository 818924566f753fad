"""Bodies that are read from the connection itself, past httpcore and its copies: most of what a fast download costs."""

from __future__ import annotations

from typing import Protocol

import httpcore
import trio

from papin._http._chunks import BadChunk, Dechunker
from papin._http._network import Wire


class Direct(Protocol):
    """The rest of a body."""

    async def receive_into(self, buffer: memoryview) -> int:
        """Fill `buffer` with what came; return the bytes, 0 at the end. Raises what httpcore raises."""


class Measured:
    """A body of which `left` bytes are to come."""

    def __init__(self, wire: Wire, left: int) -> None:
        self._wire = wire
        self._left = left

    async def receive_into(self, buffer: memoryview) -> int:
        """Fill `buffer` with what came."""
        buffer = buffer[: self._left]
        count = await _receive(self._wire, buffer) if buffer else 0
        self._left -= count
        return count


class Chunked:
    """A body in chunks, from its first byte."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._chunks = Dechunker()

    async def receive_into(self, buffer: memoryview) -> int:
        """Fill `buffer` with what came."""
        chunks = self._chunks
        while not (count := self._take(buffer)) and not chunks.has_ended and buffer:
            if chunks.straight:
                count = await _receive(self._wire, buffer[: chunks.straight])
                chunks.skip(count)
                return count
            chunks.came(await _receive(self._wire, chunks.room()))
        await trio.lowlevel.checkpoint()
        return count

    def _take(self, buffer: memoryview) -> int:
        try:
            return self._chunks.take(buffer)
        except BadChunk as error:
            raise httpcore.RemoteProtocolError(str(error)) from error


async def _receive(wire: Wire, buffer: memoryview) -> int:
    count = await wire.receive_into(buffer)
    if not count:
        raise httpcore.RemoteProtocolError("peer closed connection")
    return count
