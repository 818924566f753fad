"""Clients: requests with their credentials, redirects by hand."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import Any

import httpcore
import httpx
import msgspec
import trio

from papin._http._address import Origin, host_of, is_loopback_host, origin_of, origin_text, parse_url, shown
from papin._http._answers import BODY, Response, StreamedResponse
from papin._http._failures import FOREIGN, translate
from papin._http._network import Rules
from papin._http._patience import Patience, too_slow
from papin._http._pools import Pools
from papin._http._upload import Upload
from papin.errors import AddressUnsafe, NameInvalid, TransferFailed

HOPS = 10

# httpcore logs the headers of answers, where signed addresses stand, when everything is logged.
logging.getLogger("httpcore").setLevel(logging.INFO)

_REDIRECTS = {
    HTTPStatus.MOVED_PERMANENTLY,
    HTTPStatus.FOUND,
    HTTPStatus.SEE_OTHER,
    HTTPStatus.TEMPORARY_REDIRECT,
    HTTPStatus.PERMANENT_REDIRECT,
}
_MOST_HEADERS = 256
# All that another origin than the one that was asked may see of the headers that a caller gave.
_HARMLESS = {"accept", "range", "if-range", "if-none-match"}
_OWN = {"User-Agent": "papin", "Accept": "*/*", "Accept-Encoding": "identity"}


class Client:
    """Talks HTTP within the bounds of `papin.http`; made by `Http.client`."""

    def __init__(
        self,
        *,
        base: httpx.URL | None,
        rules: Rules,
        pools: Pools,
        tokens: Mapping[Origin, str],
        find_token: Callable[[str], str] | None,
        patience: Patience,
    ) -> None:
        self._base = base
        self._rules = rules
        self._pools = pools
        self._tokens = dict(tokens)
        self._find_token = find_token
        self._patience = patience

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        upload: Upload | None = None,
        limit: int = BODY,
    ) -> Response:
        """Send a request and return the whole answer, whatever its status; `json` or `upload` becomes the body.

        Args:
            method: of HTTP.
            url: an address, or what follows the base address.
            headers: besides papin's own; only harmless ones follow a redirect to another origin.
            json: any value that msgspec encodes.
            upload: bytes that come piece by piece; the wait for the answer begins anew with each.
            limit: the most bytes of an answer.

        Raises:
            TransferFailed: or one of its kinds; see `papin.errors`.
        """
        async with self.stream(method, url, headers=headers, json=json, upload=upload) as answer:
            body = await answer.read(limit)
        return Response(answer.status, answer.headers, body, answer.where)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        upload: Upload | None = None,
    ) -> AsyncIterator[StreamedResponse]:
        """Send a request and open its answer, whatever its status; arguments and errors as in `request`."""
        body = upload if json is None else msgspec.json.encode(json)
        answer = await self._follow(method, self._target(url), dict(headers or {}), body)
        try:
            yield answer
        finally:
            await answer.aclose()

    def _target(self, url: str) -> httpx.URL:
        if url.lower().startswith(("http://", "https://")):
            return parse_url(url)
        if self._base is None:
            return parse_url(url)  # which says what is wrong with it
        return parse_url(f"{str(self._base).rstrip('/')}/{url.lstrip('/')}" if url else str(self._base))

    async def _follow(
        self, method: str, url: httpx.URL, headers: dict[str, str], body: bytes | Upload | None
    ) -> StreamedResponse:
        asked = origin_of(url)
        token = await self._token(asked)
        trusted = True
        for hop in range(HOPS + 1):
            answer = await self._send(method, url, _headers(token, headers, trusted=trusted), body)
            answer.hops = hop
            answer.login = origin_text(asked).removeprefix("https://")
            location = answer.headers.get("location", "") if answer.status in _REDIRECTS else ""
            if not location:
                return answer
            await answer.aclose()
            if method not in ("GET", "HEAD"):
                raise TransferFailed(
                    f"{shown(url)} redirects a {method} request, which papin does not follow",
                    next_step="Use the address that it moved to.",
                )
            url = self._next(url, location)
            # Whoever left the origin does not get back into its confidence by a redirect of somebody else.
            trusted = trusted and origin_of(url) == asked
        raise TransferFailed(
            f"{asked[1]} redirects more than {HOPS} times", next_step="Ask whoever runs it, or use another source."
        )

    def _next(self, url: httpx.URL, location: str) -> httpx.URL:
        try:
            target = parse_url(str(url.join(parse_relative(location))))
        except (NameInvalid, httpx.InvalidURL):
            raise AddressUnsafe(
                f"{shown(url)} redirects to an address that cannot be understood", next_step="Use another source."
            ) from None
        host = host_of(target)
        if (
            url.scheme == "https"
            and target.scheme == "http"
            and not (is_loopback_host(host) and self._rules.is_named(host))
        ):
            raise AddressUnsafe(
                f"{shown(url)} redirects from https to http, where anybody could change the file",
                next_step="Use another source.",
            )
        return target

    async def _token(self, origin: Origin) -> str:
        """Return the token for an origin: the one that the client was made with, or the user's, looked for once."""
        if origin not in self._tokens and self._find_token is not None:
            find = partial(self._find_token, origin_text(origin))
            self._tokens[origin] = await trio.to_thread.run_sync(find, abandon_on_cancel=True)
        return self._tokens.get(origin, "")

    async def _send(
        self, method: str, url: httpx.URL, headers: dict[str, str], body: bytes | Upload | None
    ) -> StreamedResponse:
        host = host_of(url)
        self._rules.check_host(host)
        patience = self._patience
        most = 3 * patience.connect + patience.header
        with trio.move_on_after(most) as scope:
            try:
                request = _request(method, url, headers, body, lambda: _postpone(scope, most))
                pool = await self._pools.get(url)
                answer = await pool.handle_async_request(request)
            except FOREIGN as error:
                raise translate(error, host) from error
            has_body = method == "GET" and answer.status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT)
            return await _checked(StreamedResponse(answer, url, shown(url), host, patience, has_body=has_body))
        raise too_slow(f"{host} did not answer within {patience.header:.0f} s")


def _postpone(scope: trio.CancelScope, most: float) -> None:
    scope.deadline = trio.current_time() + most


def _headers(token: str, given: dict[str, str], *, trusted: bool) -> dict[str, str]:
    credentials = {"Authorization": f"Bearer {token}"} if token and trusted else {}
    allowed = {name: value for name, value in given.items() if trusted or name.lower() in _HARMLESS}
    return _OWN | credentials | allowed


def parse_relative(location: str) -> str:
    """Return a Location header unless it holds what only an attacker would put there."""
    if "\\" in location or not location.isprintable() or " " in location:
        raise NameInvalid("this address holds a blank, a backslash or a character that cannot be seen")
    return location


class _Content:
    """The body of a request. No generator: one that is cancelled in its middle is left to the garbage collector."""

    def __init__(self, body: bytes | Upload | None, note: Callable[[], None]) -> None:
        self._left = [body] if isinstance(body, bytes) else []
        self._upload = body if isinstance(body, Upload) else None
        self._note = note

    def __aiter__(self) -> _Content:
        return self

    async def __anext__(self) -> bytes:
        if self._left:
            return self._left.pop()
        piece = await self._upload.read() if self._upload else b""
        self._note()
        if not piece:
            raise StopAsyncIteration
        return piece


def _request(
    method: str, url: httpx.URL, headers: dict[str, str], body: bytes | Upload | None, note: Callable[[], None]
) -> httpcore.Request:
    """Return the request; `note` is called whenever a piece of an upload is about to be sent."""
    typed = {"Content-Type": "application/json"} if isinstance(body, bytes) else {}
    size = body.size if isinstance(body, Upload) else len(body or b"")
    length = {"Content-Length": str(size)} if body is not None else {}
    request = httpx.Request(method, url, headers=typed | headers | length)
    return httpcore.Request(
        method=request.method,
        url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=request.headers.raw,
        content=_Content(body, note),
    )


async def _checked(answer: StreamedResponse) -> StreamedResponse:
    count = len(answer.headers.raw)
    coding = answer.headers.get("content-encoding", "identity").strip().lower()
    if count <= _MOST_HEADERS and coding in ("", "identity"):
        return answer
    await answer.aclose()
    what = f"{count} headers" if count > _MOST_HEADERS else "a compressed body that nobody asked for"
    raise TransferFailed(f"{answer.where} sends {what}", next_step="Use another source, or another proxy.")
