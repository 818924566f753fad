"""Looking into a file that is still on a server: as many bytes as its header has, and a few more.

The first request asks for the first bytes, which also tells how large the file is. What else the reader of the format
needs comes as one stream from there on, which is ended as soon as the reader is done; so a vocabulary of megabytes
takes two requests. A piece far behind (some formats begin at the end) is a request of its own; one that the reader can
do without (weights stand between what others say) is not asked for.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import TYPE_CHECKING

import trio

from papin._index._headers import header_of, keep_header
from papin._operations._services import Services
from papin.errors import FormatInvalid, NotFound, PapinError, TransferFailed
from papin.formats import HEAD, Format, Span, recognise
from papin.models import Header, HttpSource, WantedFile

if TYPE_CHECKING:
    from papin.http import Client, StreamedResponse

__all__ = ["remote_header"]

FIRST = 64 << 10
"""How many bytes are asked for at first."""

_FAR = 1 << 20  # what is skipped rather than asked for anew
_PASSED = 256 << 10  # what is skipped, all in all, for what the reader can do without
_MOST = 64 << 20
_REQUESTS = 8
_RANGE = re.compile(r"bytes (\d{1,19})-\d{1,19}/(\d{1,19})")


async def remote_header(services: Services, file: WantedFile, sizes: dict[str, int]) -> Header:
    """Return what a file on a server says of itself, from the index where it was read before.

    How large the file is at an address that was asked is noted in `sizes`.

    Raises:
        NotFound: it is on no server.
        FormatInvalid: no format here recognises it, or it is damaged, or its header is too large.
        PapinError: no server gives it.
    """
    sources = [source for source in file.sources if isinstance(source, HttpSource)]
    error: PapinError = NotFound(f"{file.name} is on no server", next_step="Download it.")
    for source in sources:
        try:
            return await _of_source(services, file, source, sizes)
        except (TransferFailed, NotFound) as failed:
            error = failed
    raise error


async def _of_source(services: Services, file: WantedFile, source: HttpSource, sizes: dict[str, int]) -> Header:
    digest = file.sha256 or ""
    known = await services.look_up(lambda index: header_of(index, digest)) if digest else None
    if known is not None:
        return known
    async with services.http.client(source.url if source.user_named else "") as client, AsyncExitStack() as stack:
        remote = _Remote(client, source.url, stack)
        await remote.begin()
        sizes[source.url] = remote.size
        key = digest or (f"{source.url} {remote.validator}" if remote.validator else "")
        known = await services.look_up(lambda index: header_of(index, key)) if key else None
        header = known or await _read(services.formats, remote, file.name)
    if key and known is None:
        await services.index_change(lambda index: keep_header(index, key, header))
    return header


async def _read(formats: tuple[Format, ...], remote: _Remote, name: str) -> Header:
    chosen = recognise(formats, await remote.piece(Span(0, HEAD)))
    if chosen is None:
        raise FormatInvalid(f"{name} is not in a model format that papin can read", next_step="papin plugins list")
    return await _drive(chosen.read(remote.size), remote)


async def _drive(reading: Generator[Span, bytes, Header], remote: _Remote) -> Header:
    try:
        span = next(reading)
        while True:
            span = reading.send(await remote.piece(span))
            await trio.lowlevel.checkpoint()
    except StopIteration as done:
        header: Header = done.value
        return header
    finally:
        reading.close()


class _Remote:
    """A file on a server, of which the begin is held as far as it has come. `size` and `validator` after `begin`."""

    def __init__(self, client: Client, url: str, stack: AsyncExitStack) -> None:
        self._client = client
        self._url = url
        self._stack = stack
        self._data = bytearray()
        self._rest: StreamedResponse | None = None
        self._requests = 0
        self._passed = 0
        self.size = 0
        self.validator = ""

    async def begin(self) -> None:
        """Ask for the first bytes."""
        answer = await self._ask(0, FIRST)
        self.size = self._size_of(answer)
        self.validator = answer.headers.get("x-linked-etag", "") or answer.headers.get("etag", "")
        if self.validator.startswith("W/"):
            self.validator = ""
        if answer.status == HTTPStatus.PARTIAL_CONTENT:
            # Whatever was asked for, a server may send without end.
            while len(self._data) < min(FIRST, self.size) and (piece := await answer.receive()):
                self._data += piece
        else:
            self._rest = answer  # a server without ranges sends everything: it is listened to as long as need be
            await self._fill(min(FIRST, self.size))
        self._url = str(answer.url)  # after redirects, so that the next request goes there at once

    def _size_of(self, answer: StreamedResponse) -> int:
        told = _RANGE.fullmatch(answer.headers.get("content-range", "").strip())
        if answer.status == HTTPStatus.PARTIAL_CONTENT and told and told[1] == "0":
            return int(told[2])
        length = answer.headers.get("content-length", "")
        if answer.status == HTTPStatus.OK and length.isdigit():
            return int(length[:19])
        raise TransferFailed(f"{answer.where} does not tell how large the file is", next_step="Download it.")

    async def _ask(self, start: int, end: int | None) -> StreamedResponse:
        self._requests += 1
        if self._requests > _REQUESTS:
            raise FormatInvalid("its header is scattered over the file", next_step="Download it to look inside.")
        last = "" if end is None else str(end - 1)
        headers = {"Range": f"bytes={start}-{last}"}
        answer = await self._stack.enter_async_context(self._client.stream("GET", self._url, headers=headers))
        answer.raise_for_status()
        if start and answer.status != HTTPStatus.PARTIAL_CONTENT:
            raise TransferFailed(f"{answer.where} gives no parts of files", next_step="Download it.")
        return answer

    async def piece(self, span: Span) -> bytes:
        """Return what `span` asks for, or less where the file ends or less will do."""
        end = min(span.offset + span.length, self.size)
        least = min(span.offset + (span.least or span.length), self.size)
        if span.optional:
            self._passed += max(0, span.offset - len(self._data))
            if self._passed > _PASSED:
                return b""
        if span.offset > len(self._data) + _FAR:
            answer = await self._ask(span.offset, end)
            return await answer.read(max(1, end - span.offset))
        await self._fill(least)
        return bytes(self._data[span.offset : min(end, len(self._data))])

    async def _fill(self, end: int) -> None:
        if end > _MOST:
            raise FormatInvalid(f"its header has more than {_MOST >> 20} MiB", next_step="Choose another model.")
        while len(self._data) < end:
            if self._rest is None:
                self._rest = await self._ask(len(self._data), min(self.size, _MOST))
            piece = await self._rest.receive()
            if not piece:
                raise TransferFailed("the server ended in the middle of the header", next_step="Try again.")
            self._data += piece
