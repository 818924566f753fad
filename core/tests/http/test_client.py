"""Requests, streams and their bounds, over real sockets."""

from __future__ import annotations

import msgspec
import pytest
import trio

from papin.errors import LoginRequired, NotFound, TooManyRequests, TransferFailed, TransferTimeout
from papin.http import Http, Patience
from papin.testing.fault_scripts import (
    chunked,
    compressed,
    cut,
    header_flood,
    raw,
    refuse,
    silent,
    stall,
    text,
    trickle,
)
from papin.testing.fault_server import fault_server

BODY = bytes(range(256)) * 400


async def test_a_request_returns_the_whole_answer():
    async with fault_server(BODY) as server, Http(environ={}).client(server.origin) as client:
        answer = await client.request("GET", "/any")
    assert (answer.status, answer.body, answer.is_success) == (200, BODY, True)
    assert server.requests[0].headers["accept-encoding"] == "identity"


async def test_relative_addresses_follow_the_base_address():
    async with fault_server(BODY) as server, Http(environ={}).client(f"{server.origin}/v1/") as client:
        await client.request("GET", "/models")
        await client.request("GET", "models?x=1")
        await client.request("GET", "")
    assert [each.target for each in server.requests] == ["/v1/models", "/v1/models?x=1", "/v1/"]


async def test_json_goes_out_and_comes_in_by_type():
    class Model(msgspec.Struct):
        name: str

    async with fault_server(b"") as server, Http(environ={}).client(server.origin, token="t0ken") as client:
        server.play(text(200, b'{"name": "a"}'), text(200, b'{"name": 1}'), text(200, b"[" * 100_000))
        answer = await client.request("POST", "/x", json={"a": 1})
        assert answer.json(Model) == Model("a")
        for _ in range(2):
            with pytest.raises(TransferFailed, match="something else than the JSON"):
                (await client.request("GET", "/x")).json(Model)
    first = server.requests[0]
    assert (first.method, first.body, first.headers["content-type"]) == ("POST", b'{"a":1}', "application/json")
    assert first.headers["authorization"] == "Bearer t0ken"


async def test_lines_are_split_whatever_the_pieces():
    body = b"one\r\ntwo\n\nthree \xff\nlast"
    for script in (text(200, body), chunked(piece=1)):
        async with (
            fault_server(body, script) as server,
            Http(environ={}).client(server.origin) as client,
            client.stream("GET", "/") as answer,
        ):
            assert [line async for line in answer.lines()] == ["one", "two", "", "three \ufffd", "last"]


async def test_p5_a_line_without_an_end_is_refused_early():
    async with (
        fault_server(b"x" * 1_000_000) as server,
        Http(environ={}).client(server.origin) as client,
        client.stream("GET", "/") as answer,
    ):
        with pytest.raises(TransferFailed, match="line of more than"):
            await anext(answer.lines(limit=1000))


async def test_s6_a_body_larger_than_the_limit_is_refused():
    async with fault_server(bytes(200_000)) as server, Http(environ={}).client(server.origin) as client:
        with pytest.raises(TransferFailed, match="more than 100"):
            await client.request("GET", "/", limit=100_000)


async def test_n15_s6_a_coded_body_that_nobody_asked_for_is_refused():
    async with fault_server(BODY, compressed()) as server, Http(environ={}).client(server.origin) as client:
        with pytest.raises(TransferFailed, match="compressed"):
            await client.request("GET", "/")


@pytest.mark.parametrize(("count", "size"), [(1, 1 << 20), (10_000, 1), (300, 10)])
async def test_n31_a_flood_of_headers_is_refused(count, size):
    async with (
        fault_server(BODY, header_flood(count, size)) as server,
        Http(environ={}).client(server.origin) as client,
    ):
        with pytest.raises(TransferFailed):
            await client.request("GET", "/")


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nBad Header: x\r\n\r\n",
        b"\x00" * 300_000,
        b"",
    ],
)
async def test_nonsense_is_an_error_of_papin(answer):
    async with fault_server(BODY, raw(answer)) as server, Http(environ={}).client(server.origin) as client:
        with pytest.raises(TransferFailed) as caught:
            await client.request("GET", "/")
    assert caught.value.__cause__ is not None


async def test_a_refused_connection_may_be_tried_again():
    async with fault_server(BODY) as server:
        origin = server.origin
    async with Http(environ={}).client(origin) as client:
        with pytest.raises(TransferFailed) as caught:
            await client.request("GET", "/")
    assert caught.value.transient
    assert "refused" in caught.value.message.lower()


@pytest.mark.parametrize(
    ("status", "kind", "transient"),
    [
        (401, LoginRequired, False),
        (403, LoginRequired, False),
        (404, NotFound, None),
        (410, NotFound, None),
        (429, TooManyRequests, True),
        (503, TooManyRequests, True),
        (500, TransferFailed, True),
        (400, TransferFailed, False),
        (304, TransferFailed, False),
    ],
)
async def test_statuses_as_errors(status, kind, transient):
    async with fault_server(BODY, refuse(status)) as server, Http(environ={}).client(server.origin) as client:
        answer = await client.request("GET", "/x?sig=secret")
    with pytest.raises(kind) as caught:
        answer.raise_for_status()
    assert getattr(caught.value, "transient", None) == transient
    assert "secret" not in str(caught.value)


async def test_n18_a_server_that_never_answers(jumping_clock):
    async with (
        fault_server(BODY, silent()) as server,
        Http(environ={}).client(server.origin, patience=Patience(header=20)) as client,
    ):
        with pytest.raises(TransferTimeout, match="did not answer within 20 s"):
            await client.request("GET", "/")


async def test_n17_a_body_that_stops(jumping_clock):
    async with fault_server(BODY, stall(1000)) as server, Http(environ={}).client(server.origin) as client:
        began = trio.current_time()
        with pytest.raises(TransferTimeout):
            await client.request("GET", "/")
        assert 60 <= trio.current_time() - began < 61


async def test_n16_a_trickle_is_a_stall_where_a_rate_is_wanted(jumping_clock):
    patience = Patience(rate=1024, window=30)
    async with (
        fault_server(BODY, trickle(0, rate=200)) as server,
        Http(environ={}).client(server.origin, patience=patience) as client,
    ):
        began = trio.current_time()
        with pytest.raises(TransferTimeout, match="only"):
            await client.request("GET", "/")
        assert 29 <= trio.current_time() - began < 32


async def test_a_slow_stream_is_fine_where_none_is(jumping_clock):
    async with fault_server(b"x" * 90, trickle(0, rate=1)) as server, Http(environ={}).client(server.origin) as client:
        assert (await client.request("GET", "/")).body == b"x" * 90


async def test_leaving_a_body_in_the_middle_fetches_no_more_of_it():
    async with fault_server(bytes(50_000_000)) as server, Http(environ={}).client(server.origin) as client:
        async with client.stream("GET", "/") as answer:
            async for _ in answer.chunks():
                break
        assert (await client.request("HEAD", "/")).status == 200
    assert server.sent < 25_000_000


async def test_cancelling_ends_at_once():
    async with (
        fault_server(BODY, stall(1000)) as server,
        Http(environ={}).client(server.origin) as client,
        trio.open_nursery() as nursery,
    ):
        reading = trio.Event()

        async def read():
            async with client.stream("GET", "/") as answer:
                await answer.receive()
                reading.set()
                await answer.read()

        nursery.start_soon(read)
        await reading.wait()
        with trio.fail_after(1):
            nursery.cancel_scope.cancel()
            await trio.lowlevel.checkpoint_if_cancelled()


async def test_a_connection_that_breaks_in_the_body():
    async with fault_server(BODY, cut(at=5000)) as server, Http(environ={}).client(server.origin) as client:
        with pytest.raises(TransferFailed) as caught:
            await client.request("GET", "/")
    assert caught.value.transient


async def test_n32_thousands_of_tiny_chunks_are_read():
    body = bytes(5_000)
    async with fault_server(body, chunked(piece=1)) as server, Http(environ={}).client(server.origin) as client:
        assert (await client.request("GET", "/")).body == body
