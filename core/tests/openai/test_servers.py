"""A program's own server: what is wrong with it is told with what to type."""

import socket

import pytest
import trio.testing

from papin.errors import EngineMissing, LoginRequired, NotFound, ProviderFailed
from papin.http import Http
from papin.models import Message
from papin.servers import Server
from papin.testing.fault_scripts import silent, text
from papin.testing.fault_server import fault_server


@pytest.fixture
def jumping_clock():
    """Jumps over waits, once nothing has happened for a while of real time: sockets are no waits."""
    return trio.testing.MockClock(autojump_threshold=0.02)


def made(url):
    what = {"program": "Tool", "start": "Start it (tool serve)", "keys": "from its window"}
    return Server(Http(environ={}), "box", url, "k", **what)


async def probed(server):
    async with server.client() as client:
        return server.checked(await server.probe(client, "/about"))


async def test_an_answer_is_handed_on():
    async with fault_server(b"", text(200, b"{}")) as faulty:
        assert (await probed(made(f"{faulty.origin}/"))).body == b"{}"
        assert [each.target for each in faulty.requests] == ["/about"]


async def test_nobody_answers():
    with socket.create_server(("127.0.0.1", 0)) as free:
        unused_port = free.getsockname()[1]
    with pytest.raises(EngineMissing, match="no Tool answers") as caught:
        await probed(made(f"http://127.0.0.1:{unused_port}"))
    step = "Start it (tool serve), or type: papin config set providers.box.url http://HOST:PORT"
    assert caught.value.next_step == step


async def test_somebody_is_there_and_says_nothing(jumping_clock):
    async with fault_server(b"", silent()) as faulty:
        with pytest.raises(ProviderFailed, match="does not answer"):
            await probed(made(faulty.origin))


@pytest.mark.parametrize(("status", "kind"), [(401, LoginRequired), (404, NotFound), (500, ProviderFailed)])
async def test_a_refusal_is_an_error(status, kind):
    async with fault_server(b"", text(status, b'{"error": "because"}')) as faulty:
        with pytest.raises(kind, match="because") as caught:
            await probed(made(faulty.origin))
    assert (
        kind is not LoginRequired or "papin config set providers.box.key - (from its window)" in caught.value.next_step
    )


async def test_what_it_refuses_while_it_answers_is_one_too():
    async with fault_server(b"", text(401, b'{"error": "no"}')) as faulty, made(faulty.origin).asking() as api:
        with pytest.raises(LoginRequired, match="Tool wants a key"):
            async with api.chat("m", (Message(role="user", content="Why?"),), {}):
                pass
