"""Clients that do not read, do not write, do not leave: each is bounded, and none keeps the server from stopping."""

from functools import partial

import pytest
import trio

from papin.events import ModelChanged
from papin_http import _guard, _serve
from papin_http._connections import Connection, Connections

from .client import Client, until
from .conftest import TOKEN, serving

API = "/api/v1"
CHAT = {"messages": [{"role": "user", "content": "Why?"}]}


@pytest.fixture
async def pair():
    """Return the two ends of a connection: ours, and the client's."""
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    client = await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1])
    ours = await listener.accept()
    await listener.aclose()
    yield ours, client
    await ours.aclose()
    await client.aclose()


async def test_a_client_that_takes_nothing_is_let_go(pair, autojump_clock):
    connection = Connection(pair[0])
    with pytest.raises(trio.BrokenResourceError):
        await connection.send_all(b"x" * (64 << 20))
    with pytest.raises(trio.ClosedResourceError):
        await connection.send_all(b"x")


async def test_closing_wakes_whoever_waits_in_a_connection(pair):
    connection = Connection(pair[0])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_closes, partial(connection.send_all, b"x" * (64 << 20)))
        nursery.start_soon(_closes, partial(connection.receive_some, 1))
        await trio.testing.wait_all_tasks_blocked()
        connection.abort()


async def _closes(wait):
    with pytest.raises(trio.ClosedResourceError):
        await wait()


async def test_nothing_is_sent_after_the_end(pair):
    connection = Connection(pair[0])
    await connection.send_eof()
    with pytest.raises(trio.ClosedResourceError):
        await connection.send_all(b"x")
    assert await pair[1].receive_some() == b""


async def test_too_many_clients_are_turned_away(pair):
    connections = Connections()
    connections.limit = 0
    await connections.hold(pair[0], lambda _: None)
    assert await pair[1].receive_some() == b""
    await connections.wait_none()


async def test_a_client_that_sends_no_request_is_let_go(client, autojump_clock):
    async with await client.connect() as silent, await client.connect() as slow:
        await slow.send_all(b"GET /health HT")
        assert await silent.receive_some() == b""
        assert await slow.receive_some() == b""


async def test_a_body_that_does_not_come_is_not_waited_for(kernel, monkeypatch):
    monkeypatch.setattr(_guard, "_BODY_SECONDS", 0.05)
    async with serving(kernel) as (client, _):
        head = client.head("POST", f"{API}/downloads", {}, 100)
        assert (await client.raw(head + b'{"ref"')).status == 408


async def test_a_client_that_leaves_in_the_middle_of_a_body_harms_nobody(client, kernel):
    async with await client.connect() as stream:
        await stream.send_all(client.head("POST", f"{API}/downloads", {}, 100) + b'{"ref"')
    assert (await client.ask("GET", "/health")).status == 200
    assert not kernel.downloads.asked


async def test_many_idle_clients_do_not_keep_others_waiting(client):
    idle = [await client.connect() for _ in range(200)]
    assert (await client.ask("GET", "/health")).status == 200
    for stream in idle:
        await stream.aclose()


async def test_clients_that_left_take_no_room(client, monkeypatch):
    monkeypatch.setattr(Connections, "limit", 20)
    for data in (b"", b"GET /health HT", client.head("GET", "/health", {}, 0), b"nonsense\r\n\r\n"):
        for _ in range(50):
            async with await client.connect() as stream:
                await stream.send_all(data)
                await stream.send_eof()
                while await stream.receive_some():
                    continue
        assert (await client.ask("GET", "/health")).status == 200


async def test_a_half_closed_client_still_gets_its_answer(client):
    async with await client.connect() as stream:
        await stream.send_all(client.head("GET", "/health", {}, 0))
        await stream.send_eof()
        received = b""
        while piece := await stream.receive_some():
            received += piece
    assert received.endswith(b'{"status":"ok"}')


async def test_a_connection_serves_many_requests(client):
    async with await client.connect() as stream:
        for _ in range(3):
            await stream.send_all(client.head("GET", "/health", {}, 0))
            received = b""
            while not received.endswith(b'{"status":"ok"}'):
                received += await stream.receive_some()


async def test_an_unexpected_byte_ends_its_own_connection_only(client, kernel, monkeypatch, caplog):
    async def fail(_server):
        raise LookupError("of the protocol")

    with monkeypatch.context() as patch:
        patch.setattr(_serve.Http11Server, "run", fail)
        async with await client.connect() as stream:
            assert await stream.receive_some() == b""
    assert "a connection ended unexpectedly" in caplog.text
    assert (await client.ask("GET", "/health")).status == 200


async def test_stopping_ends_open_streams_properly(kernel):
    kernel.models.gate = trio.Event()
    async with serving(kernel, grace_seconds=30) as (client, stopping):
        async with (
            client.stream("GET", f"{API}/events") as events,
            client.stream("POST", f"{API}/models/smollm2/chat", CHAT) as chat,
        ):
            await events.start()
            await chat.start()
            await until(lambda: kernel.models.chats_open and kernel.journal.followers)
            stopping.set()
            for stream in (events, chat):
                async for _ in stream.pieces():
                    continue
                assert stream.is_complete
        await until(lambda: not kernel.models.chats_open)
    assert (kernel.journal.followers, kernel.bus.subscriptions) == (0, [])


async def test_stopping_does_not_wait_for_those_who_do_not_read_or_leave(kernel):
    kernel.models.pieces = ["x" * (1 << 20)] * 64
    async with (
        serving(kernel, grace_seconds=0.05) as (client, stopping),
        client.stream("POST", f"{API}/models/smollm2/chat", CHAT) as stuck,
        await client.connect() as idle,
        await client.connect() as half,
    ):
        await stuck.start()
        await until(lambda: kernel.models.chats_open)
        await half.send_all(client.head("POST", f"{API}/downloads", {}, 100))
        stopping.set()
        with trio.fail_after(60):
            assert await half.receive_some() == b""
            assert await idle.receive_some() == b""
    assert kernel.models.chats_open == 0


async def test_a_request_that_waits_when_the_server_stops_is_told_so(kernel):
    kernel.models.pieces, kernel.models.gate = [], trio.Event()
    async with (
        serving(kernel, grace_seconds=30) as (client, stopping),
        client.stream("POST", f"{API}/models/smollm2/chat", CHAT) as chat,
    ):
        await until(lambda: kernel.models.chats_open)
        stopping.set()
        assert (await chat.start()).status == 503
        assert b"ERR_CANCELLED" in b"".join([piece async for piece in chat.pieces()])


async def test_nobody_can_connect_after_the_stop(kernel):
    async with serving(kernel) as (client, stopping):
        stopping.set()
        await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(OSError):
        await Client(client.port, TOKEN).connect()


async def test_events_go_on_while_others_come_and_go(client, kernel):
    async with client.stream("GET", f"{API}/events") as stream:
        await stream.start()
        events = stream.events()
        for number in range(20):
            async with client.stream("GET", f"{API}/events") as passing:
                await passing.start()
            kernel.journal.record(ModelChanged(model=str(number)))
            assert (await anext(events))[0] == number + 1
