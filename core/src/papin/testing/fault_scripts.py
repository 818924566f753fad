"""What `papin.testing.fault_server` can be told to do: one function for each fault, which returns the script.

Offsets are those of the file, not of the answer, so that a script means the same for a resumed request.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from math import inf
from typing import Literal

import msgspec
import trio

from papin.testing.fault_server import Exchange, Script

__all__ = [
    "broken_range",
    "chunked",
    "compressed",
    "cut",
    "endless",
    "flipped",
    "header_flood",
    "limited",
    "lying_length",
    "multipart",
    "no_length",
    "no_range",
    "ok",
    "other",
    "raw",
    "redirect",
    "refuse",
    "segments",
    "short",
    "silent",
    "stall",
    "text",
    "trickle",
    "unsatisfiable",
    "web_page",
    "wrong_total",
]

_MOST = 400 << 20
_BATCH = 64 << 10  # of tiny chunks that are sent at once


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How an answer differs from a proper one."""

    ranges: bool = True
    cut: float = inf  # the offset at which the body ends
    then: Literal["end", "reset", "hang"] = "end"
    framing: Literal["length", "chunked", "close"] = "length"
    piece: int = 256 << 10
    headers: Mapping[str, str | int | None] = {}
    body: bytes | None = None
    shift: int = 0
    rate: float = inf  # bytes a second


def _asked(exchange: Exchange, size: int, plan: _Plan) -> tuple[int, int] | None:
    """Return the part to send, or None for the whole: no range, a condition that fails, or a server without them."""
    request = exchange.request
    condition = request.headers.get("if-range")
    etag = plan.headers.get("ETag", exchange.server.etag)
    if not plan.ranges or "range" not in request.headers or (condition is not None and condition != etag):
        return None
    return request.start, min(size, request.stop or size)


async def _serve(exchange: Exchange, plan: _Plan) -> None:
    body = exchange.server.body if plan.body is None else plan.body
    asked = _asked(exchange, len(body), plan)
    if asked and asked[0] >= len(body):
        await exchange.head(416, {"Content-Range": f"bytes */{len(body)}", "Content-Length": 0})
        return
    start, stop = asked or (0, len(body))
    headers: dict[str, str | int | None] = {
        "ETag": exchange.server.etag,
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
        "Content-Range": f"bytes {start + plan.shift}-{stop - 1}/{len(body)}" if asked else None,
        "Content-Length": stop - start if plan.framing == "length" else None,
        "Transfer-Encoding": "chunked" if plan.framing == "chunked" else None,
    }
    await exchange.head(206 if asked else 200, headers | dict(plan.headers))
    if exchange.request.method == "HEAD":
        return
    await _send_body(exchange, memoryview(body)[start : int(max(start, min(stop, plan.cut)))], plan)
    if plan.cut < stop:
        await _end_early(exchange, plan)
    elif plan.framing == "chunked":
        await exchange.send_raw(b"0\r\n\r\n")


async def _send_body(exchange: Exchange, body: memoryview, plan: _Plan) -> None:
    size = plan.piece
    if plan.framing == "chunked":
        size *= max(1, _BATCH // size)
    for start in range(0, len(body), size):
        part = body[start : start + size]
        if plan.framing == "chunked":
            await exchange.send(part, framed=b"".join(_chunks(part, plan.piece)))
        else:
            await exchange.send(part)
        await trio.sleep(len(part) / plan.rate)


def _chunks(body: memoryview, size: int) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        piece = body[start : start + size]
        yield b"%x\r\n%b\r\n" % (len(piece), bytes(piece))


async def _end_early(exchange: Exchange, plan: _Plan) -> None:
    if plan.then == "reset":
        await exchange.reset()
    elif plan.then == "hang":
        await trio.sleep_forever()


def _script(plan: _Plan) -> Script:
    async def script(exchange: Exchange) -> None:
        await _serve(exchange, plan)

    return script


def ok() -> Script:
    """Answer properly, ranges and conditions included."""
    return _script(_Plan())


def cut(at: int, *, by: Literal["end", "reset"] = "reset", rate: float = inf) -> Script:
    """Break the connection when the file is sent up to the offset `at`, at `rate` bytes a second."""
    return _script(_Plan(cut=at, then=by, rate=rate))


def limited(rate: int, *, ranges: bool = True) -> Script:
    """Answer properly, with `rate` bytes a second for each connection; say so when there are no ranges."""
    headers = {} if ranges else {"Accept-Ranges": "none"}
    return _script(_Plan(piece=max(1, rate // 20), rate=rate, ranges=ranges, headers=headers))


def stall(at: int) -> Script:
    """Send the file up to the offset `at`, then nothing more, and keep the connection."""
    return _script(_Plan(cut=at, then="hang"))


def no_range() -> Script:
    """Answer 200 with everything, whatever part was asked for."""
    return _script(_Plan(ranges=False))


def broken_range(by: int) -> Script:
    """Answer with a `Content-Range` that begins `by` bytes off."""
    return _script(_Plan(shift=by))


def wrong_total(total: int) -> Script:
    """Answer a range with another length of the whole."""

    async def script(exchange: Exchange) -> None:
        start, size = exchange.request.start, len(exchange.server.body)
        plan = _Plan(headers={"Content-Range": f"bytes {start}-{size - 1}/{total}"})
        await _serve(exchange, plan)

    return script


def other(body: bytes | None = None, *, etag: str | None) -> Script:
    """Answer properly, but with another validator, and another file if one is given."""
    return _script(_Plan(body=body, headers={"ETag": etag}))


def flipped(at: int) -> Script:
    """Send the file with one bit of the byte at the offset `at` changed."""

    async def script(exchange: Exchange) -> None:
        changed = bytearray(exchange.server.body)
        changed[at] ^= 1
        await _serve(exchange, _Plan(body=bytes(changed)))

    return script


def no_length(*, ends_at: float = inf) -> Script:
    """Send without a length, up to the offset `ends_at`; the end of the connection is the end of the file."""
    return _script(_Plan(framing="close", cut=ends_at, ranges=False))


def chunked(*, ends_at: float = inf, piece: int = 64 << 10) -> Script:
    """Send in HTTP chunks of `piece` bytes, and without the last chunk when the offset `ends_at` is before the end."""
    return _script(_Plan(framing="chunked", cut=ends_at, piece=piece))


def segments(size: int = 1) -> Script:
    """Answer properly, in TCP segments of `size` bytes: a client that is quick reads no more at a time."""

    async def script(exchange: Exchange) -> None:
        exchange.send_at_once()
        await _serve(exchange, _Plan(piece=size))

    return script


def short(size: int) -> Script:
    """Answer a range with its first `size` bytes only, and say so."""

    async def script(exchange: Exchange) -> None:
        start, total = exchange.request.start, len(exchange.server.body)
        stop = min(total, start + size)
        headers = {"ETag": exchange.server.etag, "Content-Range": f"bytes {start}-{stop - 1}/{total}"}
        await exchange.head(206, headers | {"Content-Length": stop - start})
        await exchange.send(exchange.server.body[start:stop])

    return script


def lying_length(length: int) -> Script:
    """Claim `length` bytes and send the whole file."""
    return _script(_Plan(headers={"Content-Length": length}, ranges=False))


def endless() -> Script:
    """Send the file and then zeros, without a length, up to 400 MiB."""

    async def script(exchange: Exchange) -> None:
        await exchange.head(200, {"ETag": exchange.server.etag})
        await exchange.send(exchange.server.body)
        while exchange.request.sent < _MOST:
            await exchange.send(bytes(1 << 20))

    return script


def trickle(at: int, *, rate: int) -> Script:
    """Send the file up to the offset `at`, then `rate` bytes a second for ever."""

    async def script(exchange: Exchange) -> None:
        body = exchange.server.body
        start = exchange.request.start
        await exchange.head(
            206 if start else 200,
            {
                "ETag": exchange.server.etag,
                "Content-Length": len(body) - start,
                "Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}" if start else None,
            },
        )
        await exchange.send(body[start:at])
        for position in range(max(at, start), len(body), rate):
            await trio.sleep(1)
            await exchange.send(body[position : position + rate])

    return script


def silent() -> Script:
    """Take the request and never answer."""

    async def script(exchange: Exchange) -> None:  # noqa: ARG001  # it has nothing to say
        await trio.sleep_forever()

    return script


def text(status: int, body: bytes = b"", headers: Mapping[str, str | int | None] | None = None) -> Script:
    """Answer with `status`, these headers and a small body."""

    async def script(exchange: Exchange) -> None:
        await exchange.head(status, {"Content-Length": len(body)} | dict(headers or {}))
        await exchange.send(body)

    return script


def raw(answer: bytes) -> Script:
    """Send exactly these bytes, head and all."""

    async def script(exchange: Exchange) -> None:
        await exchange.send_raw(answer)

    return script


def refuse(status: int, *, retry_after: str | None = None) -> Script:
    """Answer with a status that is a refusal: 401, 403, 404, 429, 500, 503 ..."""
    return text(status, b"no", {"Retry-After": retry_after})


def redirect(location: str, status: int = 302) -> Script:
    """Send the client elsewhere."""
    return text(status, b"", {"Location": location})


def unsatisfiable(total: int | None = None) -> Script:
    """Answer 416, with the length of the whole if one is given."""
    return text(416, b"", {"Content-Range": None if total is None else f"bytes */{total}"})


def compressed() -> Script:
    """Send the file gzipped, though nobody asked for that."""

    async def script(exchange: Exchange) -> None:
        body = gzip.compress(exchange.server.body)
        await exchange.head(200, {"Content-Encoding": "gzip", "Content-Length": len(body)})
        await exchange.send(body)

    return script


def multipart() -> Script:
    """Answer a range as several parts."""
    kind = "multipart/byteranges; boundary=x"
    return text(206, b"--x\r\nContent-Range: bytes 0-0/1\r\n\r\nx\r\n--x--\r\n", {"Content-Type": kind})


def web_page(*, kind: str = "text/html; charset=utf-8") -> Script:
    """Answer 200 with a page to log in on."""
    page = b"<!DOCTYPE html><html><body><form>Please log in</form></body></html>"
    return text(200, page, {"Content-Type": kind})


def header_flood(count: int, size: int) -> Script:
    """Answer with `count` headers of `size` bytes each."""
    return text(200, b"x", {f"X-{number}": "x" * size for number in range(count)})
