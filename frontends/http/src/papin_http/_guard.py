"""The one place that decides who may ask: an ASGI guard around the whole application, deny by default.

It stands outside the router, so a route that is added later is covered without doing anything. In this order: the
request is plain HTTP/1 with an origin-form target, `Host` is exactly this server, no foreign page is behind it, the
token is right, and the body is JSON of a bounded size that arrives in a bounded time.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
import trio

from papin.errors import Problem
from papin_http._problems import MEDIA_TYPE, document
from papin_http._slashes import keep

__all__ = ["BODY_LIMIT", "HEADER_LIMIT", "OPEN", "Guard", "Refusal"]

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]

BODY_LIMIT = 1 << 20
"""Bytes of a request's body."""

HEADER_LIMIT = 16 << 10
"""Bytes of all headers of a request."""

OPEN = frozenset({"/health", "/client/papin.js", "/client/papin.d.ts"})
"""What needs no token while only this machine can connect: it changes nothing and reveals nothing."""

_METHODS = frozenset({"GET", "POST", "PATCH", "DELETE"})
_BODY_SECONDS = 15
_DRAIN_BYTES = 16 << 20
_DRAIN_SECONDS = 2
_encode = msgspec.json.Encoder().encode

_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)


class _Gone(Exception):
    """The client left before its request was complete."""


class Refusal(msgspec.Struct, frozen=True):
    """Why a request is not let through: the HTTP status, and what is told."""

    status: int
    code: str
    title: str
    message: str
    next_step: str = ""


def _values(scope: Scope, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key == name]


class Guard:
    """Lets a request through to `app` only when everything about it is right.

    `hosts` are the exact `Host` values of this server. With `is_remote`, other machines can connect: nothing is open
    without the token then, and an address literal under which the connection came in is a good `Host` too.
    """

    def __init__(self, app: App, *, token: str, hosts: Iterable[str], is_remote: bool = False) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode("ascii")
        self._hosts = frozenset(host.encode("ascii") for host in hosts)
        self._is_remote = is_remote

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await _close_websocket(scope, send)
            return
        refusal = self.judge(scope)
        body = b""
        try:
            if refusal is None:
                body, refusal = await _read_body(receive)
        except _Gone:
            return
        if refusal is not None:
            await _refuse(refusal, scope, receive, send)
            return
        await self._app(keep(scope), _replay(body, receive), _with_headers(send))

    def judge(self, scope: Scope) -> Refusal | None:
        """Return why the head of this request is refused, or None."""
        checks = (_check_form, self._check_host, self._check_page, self._check_token, _check_body_headers)
        return next((refusal for check in checks if (refusal := check(scope)) is not None), None)

    def _good_hosts(self, scope: Scope) -> frozenset[bytes]:
        server = scope.get("server")
        if not self._is_remote or not server:
            return self._hosts
        address, port = server[0], server[1]
        literal = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        return self._hosts | {literal.encode("ascii")}

    def _check_host(self, scope: Scope) -> Refusal | None:
        hosts = _values(scope, b"host")
        if len(hosts) == 1 and hosts[0] in self._good_hosts(scope):
            return None
        return Refusal(
            421,
            "ERR_HOST",
            "Not this server",
            "The Host header does not name this server, so a foreign page may be behind this request.",
            "Use the address that `papin serve` printed when it started.",
        )

    def _check_page(self, scope: Scope) -> Refusal | None:
        host = _values(scope, b"host")[0]
        origins, sites = _values(scope, b"origin"), _values(scope, b"sec-fetch-site")
        ours = all(origin == b"http://" + host for origin in origins) and len(origins) < 2  # noqa: PLR2004  # one
        if ours and all(site in {b"same-origin", b"none"} for site in sites):
            return None
        return Refusal(
            403,
            "ERR_ORIGIN",
            "Foreign page",
            "A page of another site made this request, and those may not talk to papin.",
            "Open the page from the address of `papin serve` itself.",
        )

    def _check_token(self, scope: Scope) -> Refusal | None:
        if scope["path"] in OPEN and not self._is_remote:
            return None
        given = _values(scope, b"authorization")
        if len(given) == 1 and hmac.compare_digest(given[0], self._expected):
            return None
        return Refusal(
            401,
            "ERR_TOKEN",
            "Token needed",
            "The token of this server is missing from the Authorization header, or it is another one.",
            "Send `Authorization: Bearer TOKEN` with the content of the file that `papin serve` names when it starts.",
        )


def _usage(status: int, message: str) -> Refusal:
    return Refusal(status, "ERR_USAGE", "Not a valid request", message, "See /api/v1/openapi.json.")


def _check_form(scope: Scope) -> Refusal | None:
    if scope["http_version"] not in {"1.0", "1.1"}:
        return _usage(505, "Only HTTP/1.1 is spoken here.")
    if not scope["raw_path"].startswith(b"/"):
        return _usage(400, "The target of a request must be a path.")
    if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADER_LIMIT:
        return _usage(431, f"The headers of a request may have {HEADER_LIMIT} bytes at most.")
    if scope["method"] not in _METHODS:
        return _usage(405, "This method is not used here.")
    return None


def _check_body_headers(scope: Scope) -> Refusal | None:
    lengths, encodings = _values(scope, b"content-length"), _values(scope, b"transfer-encoding")
    if lengths and encodings:
        return _usage(400, "A request has either a Content-Length or a Transfer-Encoding, never both.")
    if any(int(length) > BODY_LIMIT for length in lengths):
        return _too_large()
    has_body = bool(encodings) or any(int(length) > 0 for length in lengths)
    kinds = [value.partition(b";")[0].strip().lower() for value in _values(scope, b"content-type")]
    if has_body and kinds != [b"application/json"]:
        return _usage(415, "A body must be sent as Content-Type: application/json.")
    if any(value.strip().lower() != b"identity" for value in _values(scope, b"content-encoding")):
        return _usage(415, "A body must be sent as it is, without a Content-Encoding.")
    return None


def _too_large() -> Refusal:
    return _usage(413, f"The body of a request may have {BODY_LIMIT} bytes at most.")


def _check_text(body: bytes) -> tuple[bytes, Refusal | None]:
    try:
        body.decode()
    except UnicodeDecodeError:
        return b"", _usage(400, "A body must be UTF-8.")
    return body, None


async def _read_body(receive: Receive) -> tuple[bytes, Refusal | None]:
    """Return the whole body; reading it here bounds its size and time for every route, and leaves nothing unread."""
    body = bytearray()
    with trio.move_on_after(_BODY_SECONDS):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            body += message.get("body", b"")
            if len(body) > BODY_LIMIT:
                return b"", _too_large()
            if not message.get("more_body", False):
                return _check_text(bytes(body))
    return b"", _usage(408, "The body of the request did not arrive in time.")


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that hands out `body` once and then what comes, which can only be the end."""
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return pending.pop() if pending else await receive()

    return replayed


def _with_headers(send: Send) -> Send:
    """Return a `send` that adds the protective headers to every response, over whatever a route says."""
    names = {name for name, _ in _HEADERS}

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [(name, value) for name, value in message.get("headers", []) if name.lower() not in names]
            message = {**message, "headers": [*kept, *_HEADERS]}
        await send(message)

    return guarded


async def _close_websocket(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})


async def _drain(receive: Receive) -> None:
    """Read away the rest of a refused body, so that the client gets to read the answer instead of a reset."""
    left = _DRAIN_BYTES
    with trio.move_on_after(_DRAIN_SECONDS):
        while left > 0:
            message = await receive()
            left -= len(message.get("body", b""))
            if not message.get("more_body", False):
                return


async def _discard(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


async def _refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    problem = Problem(code=refusal.code, title=refusal.title, message=refusal.message, next_step=refusal.next_step)
    body = _encode(document(problem, refusal.status))
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", b"%d" % len(body)),
    ]
    if refusal.status == 400:  # noqa: PLR2004  # what comes after a malformed request cannot be trusted
        headers.append((b"connection", b"close"))
    if refusal.status == 401:  # noqa: PLR2004  # HTTP says it so
        headers.append((b"www-authenticate", b"Bearer"))
    if refusal.status == 405:  # noqa: PLR2004  # HTTP says it so
        headers.append((b"allow", b", ".join(sorted(method.encode() for method in _METHODS))))
    send = _with_headers(send)
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    if _values(scope, b"content-length") or _values(scope, b"transfer-encoding"):
        await _drain(receive)
    # With a body left unread the end of the response closes the connection, which waits until its queue has room.
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_discard, receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        nursery.cancel_scope.cancel()
