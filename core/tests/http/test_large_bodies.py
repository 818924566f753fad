"""Bodies that are read into buffers: small ones through httpcore, large ones past it, with and without TLS."""

from __future__ import annotations

import hashlib
import shutil
import ssl
import subprocess

import pytest
import trio
import trio.testing

from papin._http import _network
from papin.errors import TransferFailed, TransferTimeout
from papin.http import Http, Patience
from papin.testing import fault_scripts as faults
from papin.testing.fault_server import fault_server

MIB = 1 << 20
LARGE = hashlib.shake_256(b"large").digest(20 * MIB + 77)
SMALL = LARGE[: 2 * MIB]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl program")
    folder = tmp_path_factory.mktemp("certificate")
    command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -days 30"
    named = ["-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(["openssl", *command.split(), *named], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(params=["plain", "tls"])
def served(request):
    """Serves over both, and reads through a client that trusts it."""
    if request.param == "plain":
        return fault_server, Http(environ={})
    folder = request.getfixturevalue("certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    http = Http(environ={"SSL_CERT_FILE": str(folder / "cert.pem")})
    return lambda *arguments, **more: fault_server(*arguments, tls=context, host="localhost", **more), http


async def read(answer, size=300_000):
    buffer = bytearray(size)
    body = bytearray()
    while count := await answer.receive_into(memoryview(buffer)):
        body += buffer[:count]
    return bytes(body)


@pytest.mark.parametrize("body", [LARGE, SMALL, b"x", b""])
async def test_everything_comes(served, body):
    serve, http = served
    async with serve(body) as server, http.client(server.origin) as client, client.stream("GET", server.url) as answer:
        assert await read(answer) == body
        assert await answer.receive_into(memoryview(bytearray(9))) == 0


@pytest.mark.parametrize("script", [faults.chunked(piece=100_000), faults.no_length()])
async def test_without_a_length(served, script):
    serve, http = served
    async with (
        serve(LARGE, script) as server,
        http.client(server.origin) as client,
        client.stream("GET", server.url) as answer,
    ):
        assert await read(answer) == LARGE


@pytest.mark.parametrize("at", [MIB, 15 * MIB])
@pytest.mark.parametrize("by", ["end", "reset"])
async def test_a_body_that_is_cut(served, at, by):
    serve, http = served
    async with serve(LARGE, faults.cut(at, by=by)) as server, http.client(server.origin) as client:
        with pytest.raises(TransferFailed) as caught:
            async with client.stream("GET", server.url) as answer:
                await read(answer)
    assert caught.value.transient


async def test_a_body_that_stalls(served, jumping_clock):
    serve, http = served
    patience = Patience(silence=20)
    async with serve(LARGE, faults.stall(15 * MIB)) as server, http.client(server.origin, patience=patience) as client:
        with pytest.raises(TransferTimeout):
            async with client.stream("GET", server.url) as answer:
                await read(answer)


async def test_a_body_that_is_left_in_the_middle_closes_its_connection(served):
    serve, http = served
    async with serve(LARGE) as server, http.client(server.origin) as client:
        async with client.stream("GET", server.url) as answer:
            await answer.receive_into(memoryview(bytearray(MIB)))
            await answer.receive_into(memoryview(bytearray(MIB)))
        assert server.sent < len(LARGE)
        async with client.stream("GET", server.url) as answer:
            assert await read(answer) == LARGE


async def test_what_waits_to_be_read_is_told(served):
    serve, http = served
    async with (
        serve(LARGE) as server,
        http.client(server.origin) as client,
        client.stream("GET", server.url) as answer,
    ):
        seen = []
        while await answer.receive_into(memoryview(bytearray(20_000))):
            seen.append(answer.has_more)
            await trio.testing.wait_all_tasks_blocked()
    assert seen.count(True) > len(seen) / 2


async def test_what_waits_is_told_to_those_too_who_read_through_httpcore(monkeypatch):
    monkeypatch.setattr(_network, "_PIECE", 1)
    size = 20_000
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with (
        listener,
        await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1]) as writer,
        await listener.accept() as reader,
    ):
        await writer.send_all(bytes(2 * size + 1))
        await trio.testing.wait_all_tasks_blocked()
        wire = _network.Wire(reader, "here", Patience())
        seen = []
        for _ in range(3):
            await wire.read(size)
            seen.append(wire.has_more)
    assert seen == [True, True, False]


async def test_a_connection_goes_on_after_a_body_that_came_whole():
    asked = []

    async def answer_all(stream):
        while data := await stream.receive_some():
            asked.append(data)
            await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

    async def accept(stream):
        connections.append(stream)
        async with stream:
            await answer_all(stream)

    connections = []
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, accept, 0)
        url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}/"
        async with Http(environ={}).client(url) as client:
            for _ in range(3):
                async with client.stream("GET", url) as answer:
                    assert await answer.receive_into(memoryview(bytearray(5))) == 5
        nursery.cancel_scope.cancel()
    assert (len(asked), len(connections)) == (3, 1)
