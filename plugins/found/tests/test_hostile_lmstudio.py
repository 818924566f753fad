"""What answers at LM Studio's address is another program, or a hostile one: always an error, in bounded time."""

import pytest
import trio.testing

from papin.errors import EngineMissing, PapinError, ProviderFailed
from papin.models import LoadSettings
from papin.testing import make_context
from papin.testing.fault_scripts import endless, raw, silent, text
from papin.testing.fault_server import fault_server

from .layouts import put
from .test_lmstudio import DESCRIPTOR, KEPT, model_of

STRANGERS = {
    "a web page": text(200, b"<html>"),
    "nothing of that name": text(404, b""),
    "its own kind of 404": text(200, b'{"error": "Unexpected endpoint or method. (GET /api/v1/models)"}'),
    "another program": text(200, b'{"models": [{"name": "m"}]}'),
    "deep": text(200, b'{"models": ' + b"[" * 200_000),
    "something else than HTTP": raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "without an end": endless(),
}


@pytest.fixture
def jumping_clock():
    return trio.testing.MockClock(autojump_threshold=0.05)


def session_with(server, folder):
    return DESCRIPTOR.open(make_context(DESCRIPTOR, folder / "papin", url=server.origin, folder=str(folder / "models")))


@pytest.mark.parametrize("how", STRANGERS)
async def test_what_is_no_lmstudio(tmp_path, how):
    async with fault_server(b"", default=STRANGERS[how]) as server, session_with(server, tmp_path) as session:
        with pytest.raises(EngineMissing):
            await session.engine()
        assert (await session.models()).is_present is False
        assert await session.loaded() == []


@pytest.mark.parametrize("how", STRANGERS)
async def test_its_folder_is_listed_whatever_answers(tmp_path, how):
    put(tmp_path / "models" / KEPT)
    async with fault_server(b"", default=STRANGERS[how]) as server, session_with(server, tmp_path) as session:
        assert [each.reference for each in (await session.models()).models] == [KEPT]
        assert (await session.engine()).address == ""
        with pytest.raises(EngineMissing):
            await session.load(model_of("toy", reference=KEPT), LoadSettings())


async def test_one_that_keeps_silent(tmp_path, jumping_clock):
    async with fault_server(b"", default=silent()) as server, session_with(server, tmp_path) as session:
        for ask in (session.engine, session.models, session.loaded):
            with pytest.raises(ProviderFailed, match="does not answer"):
                await ask()


@pytest.mark.parametrize("answer", [text(200, b"<html>"), text(200, b'{"instance_id": 3}'), text(500, b""), endless()])
async def test_nonsense_for_an_order_to_load(tmp_path, answer):
    async def script(exchange):
        await (listed if exchange.request.method == "GET" else answer)(exchange)

    listed = text(200, b'{"models": [{"key": "toy"}]}')
    async with fault_server(b"", default=script) as server, session_with(server, tmp_path) as session:
        with pytest.raises(PapinError):
            await session.load(model_of("toy"), LoadSettings())
