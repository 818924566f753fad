"""Thousands of broken requests: never a 5xx, never a crash, never a change, and the server goes on (P12)."""

import random

import pytest
import trio

from .client import Client

SEEDS = range(4)
PIECES = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"\xff\xfe",
    b" ",
    b":",
    b"Host: evil\r\n",
    b"%",
    b"%00",
    b"..",
    b"/",
    b"?",
    b"[" * 99,
]
PIECES += [
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 5\r\n",
    b"Expect: 100-continue\r\n",
    b"GET ",
    b"HTTP/1.1",
]


def broken(source: random.Random, request: bytes) -> bytes:
    """Return `request` with a few pieces put in, cut out, or put twice."""
    data = bytearray(request)
    for _ in range(source.randint(1, 4)):
        at = source.randrange(len(data) + 1)
        match source.randrange(4):
            case 0:
                data[at:at] = source.choice(PIECES)
            case 1:
                del data[at : at + source.randint(1, 20)]
            case 2:
                data[at:at] = data[max(0, at - 30) : at]
            case _:
                data[at : at + 1] = bytes([source.randrange(256)])
    return bytes(data)


async def statuses(client: Client, data: bytes) -> list[int]:
    """Send `data` and nothing more; return the statuses of all answers."""
    received = b""
    async with await client.connect() as stream:
        try:
            await stream.send_all(data)
            await stream.send_eof()
            while piece := await stream.receive_some():
                received += piece
        except trio.BrokenResourceError:
            pass
    return [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize("seed", SEEDS)
async def test_broken_requests_harm_nobody(client, kernel, seed, caplog):
    source = random.Random(seed)
    good = [
        client.head("GET", "/api/v1/models/smollm2", {}, 0),
        client.head("POST", "/api/v1/models/smollm2/load", {}, 16) + b'{"provider":"x"}',
        client.head("GET", "/api/v1/downloads?model=x", {}, 0),
        client.head("DELETE", "/api/v1/models/qwen3-0.6b?dry_run=true", {}, 0),
    ]
    for _ in range(500):
        data = broken(source, source.choice(good))
        found = await statuses(client, data)
        assert not [status for status in found if status >= 500 and status not in {501, 505}], (data, found)
    assert (await client.ask("GET", "/health")).status == 200
    assert [record.getMessage() for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}] == []
    assert not kernel.downloads.asked
