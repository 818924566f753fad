"""What answers at the address is not a llama-server, or a hostile one: always an error of papin, in bounded time."""

import json

import pytest
import trio
import trio.testing

from papin.errors import EngineMissing, PapinError, ProviderFailed
from papin.testing import make_context
from papin.testing.fault_scripts import endless, raw, redirect, silent, text
from papin.testing.fault_server import fault_server

from .servers import descriptor

PROPS = text(200, b'{"role": "router", "default_generation_settings": {"n_ctx": 0}}')
SINGLE = text(200, b'{"default_generation_settings": {"n_ctx": 1}, "model_path": "relative"}')


@pytest.fixture
def jumping_clock():
    return trio.testing.MockClock(autojump_threshold=0.05)


def session_with(server, folder):
    return descriptor().open(make_context(descriptor(), folder, url=server.origin))


STRANGERS = {
    "a web page": text(200, b"<html>"),
    "a login page": text(401, b"<html>"),
    "nothing of that name": text(404, b"not found"),
    "another program": text(200, b'{"version": "0.9.0"}'),
    "a list": text(200, b"[]"),
    "deep": text(200, b"[" * 200_000),
    "numbers for words": text(200, b'{"role": 1}'),
    "something else than HTTP": raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "nothing": raw(b""),
    "without an end": endless(),
    "elsewhere": redirect("http://169.254.169.254/latest"),
}


@pytest.mark.parametrize("how", STRANGERS)
async def test_what_is_no_llama_server(tmp_path, how):
    async with fault_server(b"", default=STRANGERS[how]) as server, session_with(server, tmp_path) as session:
        with pytest.raises(EngineMissing) as caught:
            await session.engine()
        assert caught.value.next_step
        assert (await session.models()).is_present is False
        assert await session.loaded() == []


async def test_one_that_keeps_silent_is_there_all_the_same(tmp_path, jumping_clock):
    async with fault_server(b"", default=silent()) as server, session_with(server, tmp_path) as session:
        for ask in (session.engine, session.models, session.loaded):
            with pytest.raises(ProviderFailed, match="does not answer") as caught:
                await ask()
            assert not isinstance(caught.value, EngineMissing)


LISTS = {
    "a web page": text(200, b"<html>"),
    "numbers": text(200, b'{"data": [1, 2]}'),
    "deep": text(200, b'{"data": ' + b"[" * 200_000),
    "without an end": endless(),
    "an error": text(500, b'{"error": {"message": "boom\\u001b[31m"}}'),
}


@pytest.mark.parametrize("how", LISTS)
@pytest.mark.parametrize("props", [PROPS, SINGLE], ids=["router", "single"])
async def test_lists_that_are_none(tmp_path, how, props):
    async def script(exchange):
        await (props if exchange.request.target == "/props" else LISTS[how])(exchange)

    async with fault_server(b"", default=script) as server, session_with(server, tmp_path) as session:
        with pytest.raises(PapinError) as caught:
            await session.models()
        assert not isinstance(caught.value, EngineMissing)
        assert "\x1b" not in caught.value.message


async def test_names_and_paths_of_a_hostile_list_do_no_harm(tmp_path):
    evil = ["../../etc/passwd", "a\x1b[2J", "x" * 100_000, "-rf", "a b", "ok"]
    args = ["llama-server", "--model", "/etc/passwd"]
    listed = [{"id": name, "status": {"value": "unloaded", "args": args}} for name in evil]
    body = json.dumps({"data": listed}).encode()

    async def script(exchange):
        await (PROPS if exchange.request.target == "/props" else text(200, body))(exchange)

    async with fault_server(b"", default=script) as server, session_with(server, tmp_path) as session:
        found = [each.reference for each in (await session.models()).models]
        assert found == ["../../etc/passwd", "-rf", "a b", "ok"]
        await session.unshare("a b")
        for name in ("../../etc/passwd", "-rf"):
            with pytest.raises(PapinError):
                await session.unshare(name)
