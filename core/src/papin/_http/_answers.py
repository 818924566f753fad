"""What a server answered: whole, or as a stream that is read piece by piece, always within bounds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import TypeVar

import httpcore
import httpx
import msgspec
import trio

from papin._http._decoding import BAD, decode, not_understood
from papin._http._direct import Chunked, Direct, Measured
from papin._http._failures import FOREIGN, PROXY, translate
from papin._http._network import Wire
from papin._http._patience import Pace, Patience
from papin.errors import LoginRequired, NotFound, TooManyRequests, TransferFailed
from papin.sizes import size_text

T = TypeVar("T")
LINE = 64 << 10
BODY = 8 << 20

_CLOSING = 1.0  # seconds that ending a connection may take
_DIRECT = 8 << 20  # the least that is worth reading past httpcore, at the price of the connection after it
_LOGIN = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS}
_GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_BUSY = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


def refusal(status: int, where: str, login: str = "") -> TransferFailed | NotFound:
    """Return the error for an answer of that status (not 2xx) from the address `where` (shown, no secrets).

    `login` is the server whose token might help, as `papin login` takes it.
    """
    if status in _LOGIN:
        return LoginRequired(
            f"{where} refuses access ({status})",
            next_step=f"Accept the licence of the model there if it has one, then: papin login {login or 'HOST'}",
        )
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return TransferFailed(f"the proxy on the way to {where} refuses to pass papin on ({status})", next_step=PROXY)
    if status in _GONE:
        return NotFound(f"there is nothing at {where} ({status})", next_step="Check the address.")
    kind = TooManyRequests if status in _BUSY else TransferFailed
    error = kind(f"{where} answered with status {status}", next_step="Try again later.")
    error.transient = status in _BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return error


class _Checked:
    """What whole and streamed answers share."""

    status: int
    where: str
    login: str = ""

    @property
    def is_success(self) -> bool:
        """Tell whether the status is 2xx."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    def raise_for_status(self) -> None:
        """Raise `LoginRequired`, `NotFound`, `TooManyRequests` or `TransferFailed` unless the status is 2xx."""
        if not self.is_success:
            raise refusal(self.status, self.where, self.login)


class Response(_Checked):
    """A whole answer. `where` is the address it came from, without its query."""

    def __init__(self, status: int, headers: httpx.Headers, body: bytes, where: str) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.where = where

    def json(self, type: type[T]) -> T:  # noqa: A002  # the name that msgspec gives it
        """Return the body decoded as `type`, at once. Raises `TransferFailed` when it is anything else."""
        try:
            return msgspec.json.decode(self.body, type=type)
        except BAD as error:
            raise not_understood(self.where, error) from error

    async def decoded(self, type: type[T]) -> T:  # noqa: A002  # as above
        """Return the same, for a body that may be large: then nobody else waits for it."""
        return await decode(self.body, type, self.where)


class StreamedResponse(_Checked):
    """An answer whose body is still to come. `url` is where it came from after redirects; it may hold a signature."""

    def __init__(
        self,
        answer: httpcore.Response,
        url: httpx.URL,
        where: str,
        host: str,
        patience: Patience,
        *,
        has_body: bool,
    ) -> None:
        self.status = answer.status
        self.headers = httpx.Headers(answer.headers)
        self.url = url
        self.where = where
        self.hops = 0
        self._answer = answer
        self._host = host
        self._pace = Pace(patience, host)
        self._pieces: AsyncIterator[bytes] | None = None
        self._ended = False
        self._came = 0
        self._spare = memoryview(b"")
        wire = answer.extensions.get("network_stream")
        self._wire = wire if isinstance(wire, Wire) else None
        self._has_body = has_body
        self._direct: Direct | None = None

    @property
    def has_more(self) -> bool:
        """Tell whether the last `receive_into` left something that had come: the network is the faster side."""
        return self._wire is not None and self._wire.has_more

    async def receive_into(self, buffer: memoryview) -> int:
        """Fill `buffer` with the next bytes of the body; return how many, 0 at the end. Raises like `receive`.

        Not to be mixed with the other ways to read. A large body of a known length, or one in chunks, comes straight
        from the socket, past httpcore and its copies: they are most of what a fast download costs.
        """
        if self._direct is None:
            self._direct = self._bypass()
        if self._direct is not None:
            return await self._timed(self._next_direct(self._direct, buffer), int)
        if not self._spare:
            self._spare = memoryview(await self.receive())
        count = min(len(buffer), len(self._spare))
        buffer[:count] = self._spare[:count]
        self._spare = self._spare[count:]
        return count

    def _bypass(self) -> Direct | None:
        """Return what reads the body past httpcore, as long as that has nothing of it, when it is worth it."""
        wire, length = self._wire, self.headers.get("content-length", "")
        if wire is None or not wire.is_at_body or not self._has_body:
            return None
        if coding := self.headers.get("transfer-encoding"):
            return Chunked(wire) if coding.strip().lower() == "chunked" else None
        size = int(length[:19]) if length.isdigit() else 0
        return Measured(wire, size) if size >= _DIRECT else None

    async def _next_direct(self, direct: Direct, buffer: memoryview) -> int:
        try:
            return await direct.receive_into(buffer)
        except FOREIGN as error:
            raise translate(error, self._host) from error

    async def _timed(self, receive: Awaitable[T], measure: Callable[[T], int]) -> T:
        began = trio.current_time()
        with trio.move_on_after(self._pace.allowance()) as scope:
            came = await receive
        if scope.cancelled_caught:
            raise self._pace.stalled()
        self._pace.note(began, measure(came))
        return came

    async def receive(self) -> bytes:
        """Return the next piece of the body as it came over the wire, or nothing at its end.

        Raises:
            TransferTimeout: nothing or too little came, see `Patience`.
            TransferFailed: the connection broke or the body was cut off.
        """
        if self._ended:
            return b""
        if self._pieces is None:
            self._pieces = aiter(self._answer.aiter_stream())
        return await self._timed(self._next(), len)

    async def _next(self) -> bytes:
        assert self._pieces is not None
        try:
            async for piece in self._pieces:
                if piece:
                    self._came += len(piece)
                    return piece
        except FOREIGN as error:
            self._ended = True
            raise translate(error, self._host) from error
        self._ended = True
        return b""

    def chunks(self) -> AsyncIterator[bytes]:
        """Return the pieces of the body as they come; raises like `receive`."""
        return _Chunks(self)

    def lines(self, limit: int = LINE) -> AsyncIterator[str]:
        """Return the lines of the body (UTF-8) without their ends; a longer one than `limit` bytes is an error."""
        return _Lines(self, limit)

    async def read(self, limit: int = BODY) -> bytes:
        """Return the rest of the body. Raises `TransferFailed` when it is more than `limit` bytes."""
        body = bytearray()
        while piece := await self.receive():
            body += piece
            if len(body) > limit:
                raise _too_large(self.where, "body", limit)
        return bytes(body)

    async def aclose(self) -> None:
        """End it: what is unread is not fetched, the connection is closed instead. Never waits long."""
        with trio.move_on_after(_CLOSING) as scope:
            scope.shield = True
            await self._finish()
            await self._answer.aclose()

    async def _finish(self) -> None:
        # The body is a chain of generators of httpcore; one that is left in the middle would be finished by the
        # garbage collector, at some time. So the connection is told to fail, and the chain ends by that.
        if self._pieces is None or self._ended:
            return
        is_whole = self.headers.get("content-length") == str(self._came)
        if self._wire and not is_whole:
            self._wire.abandon()
        try:
            async for _ in self._pieces:
                continue
        except FOREIGN:
            self._ended = True


class _Chunks(AsyncIterator[bytes]):
    def __init__(self, answer: StreamedResponse) -> None:
        self._answer = answer

    async def __anext__(self) -> bytes:
        piece = await self._answer.receive()
        if not piece:
            raise StopAsyncIteration
        return piece


class _Lines(AsyncIterator[str]):
    def __init__(self, answer: StreamedResponse, limit: int) -> None:
        self._answer = answer
        self._limit = limit
        self._rest = bytearray()
        self._searched = 0
        self._ended = False

    async def __anext__(self) -> str:
        while (end := self._rest.find(b"\n", self._searched)) < 0:
            self._searched = len(self._rest)
            if self._searched > self._limit:
                break
            piece = b"" if self._ended else await self._answer.receive()
            if not piece:
                return self._last()
            self._rest += piece
        if end > self._limit or end < 0:
            raise _too_large(self._answer.where, "line", self._limit)
        return self._take(end, end + 1)

    def _last(self) -> str:
        self._ended = True
        if not self._rest:
            raise StopAsyncIteration
        return self._take(len(self._rest), len(self._rest))

    def _take(self, end: int, after: int) -> str:
        line = self._rest[:end].removesuffix(b"\r").decode("utf-8", "replace")
        del self._rest[:after]
        self._searched = 0
        return line


def _too_large(where: str, what: str, limit: int) -> TransferFailed:
    return TransferFailed(
        f"{where} sends a {what} of more than {size_text(limit)}",
        next_step="This is no answer that papin can use: check the address.",
    )
