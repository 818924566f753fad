"""Telling Ollama apart from what answers as if it were Ollama."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from papin.errors import EngineMissing, Offline, ProviderFailed
from papin.testing import make_context
from papin_ollama._identity import Answer, Identity, identify
from papin_ollama.plugin import papin_providers

OLLAMA = {"/": b"Ollama is running", "/api/version": {"version": "0.33.0"}}
PROGRAMS = {
    "LocalAI": {
        "/": b"Ollama is running",
        "/api/version": {"version": "0.9.0"},
        "/.well-known/localai.json": {"version": "v4.5.5", "endpoints": {}},
        "/api/tags": {"models": [{"name": "phi", "size": 0, "digest": "fabricated"}]},
    },
    "Lemonade": {
        "/api/version": {"version": "0.5.0"},
        "/api/v1/models": {"object": "list", "data": []},
        "/api/v1/system-info": {"model_storage": {}},
        "/api/tags": {"models": [{"name": "x", "digest": "sha256:" + "0" * 64}]},
    },
    "LM Studio": {"/api/v1/models": {"models": [{"type": "llm", "key": "qwen/qwen3-8b"}]}},
    "llama-server": {"/props": {"build_info": "b10573-3f545be", "total_slots": 1}, "/api/version": {"version": "1"}},
}


def answers(program):
    made = {}
    for probe, body in program.items():
        made[probe] = Answer(200, body if isinstance(body, bytes) else json.dumps(body).encode())
    return made


def test_ollama_is_known_by_its_version():
    assert identify(answers(OLLAMA)) == Identity(version="0.33.0")


def test_a_build_without_a_version_is_ollama_too():
    assert identify(answers(OLLAMA | {"/api/version": {"version": "0.0.0"}})).version == "0.0.0"


@pytest.mark.parametrize("name", PROGRAMS)
def test_impostors_are_told_by_name(name):
    assert identify(answers(PROGRAMS[name])) == Identity(other=name)


def test_an_old_localai_is_known_by_its_constant_version():
    assert identify(answers({"/api/version": {"version": "0.9.0"}, "/": b"<html>"})) == Identity(other="LocalAI")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"version": 7}', b'{"version": ""}', b"[" * 100_000, b"\xff"])
def test_nonsense_is_nothing(body):
    assert identify({"/api/version": Answer(200, body)}) == Identity()


class Impostor:
    """Serves fixed answers on a port of its own."""

    def __init__(self, program):
        self.asked = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                return

            def do_GET(self):
                outer.asked.append(self.path)
                body = program.get(self.path)
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(200 if self.path in program else 404)
                self.end_headers()
                self.wfile.write(data if self.path in program else b"")

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def impostor(request):
    server = Impostor(request.param)
    yield server
    server.close()


def opened(folder, url, **more):
    (provider,) = papin_providers()
    return provider.open(make_context(provider, folder, url=url, **more))


@pytest.mark.parametrize(
    ("impostor", "name"),
    [(PROGRAMS[name], name) for name in PROGRAMS if "/api/version" in PROGRAMS[name]],
    indirect=["impostor"],
    ids=[name for name in PROGRAMS if "/api/version" in PROGRAMS[name]],
)
async def test_an_impostor_is_no_ollama(impostor, name, tmp_path):
    async with opened(tmp_path, impostor.url, models=str(tmp_path / "none")) as session:
        with pytest.raises(EngineMissing, match=f"{name} answers at .* and not Ollama"):
            await session.engine()
        assert (await session.models()).is_present is False
        assert await session.loaded() == ()
    assert "/api/tags" not in impostor.asked


async def test_nobody_there_is_told(tmp_path):
    async with opened(tmp_path, "127.0.0.1:1", models=str(tmp_path / "none")) as session:
        with pytest.raises(EngineMissing, match=r"does not answer at http://127\.0\.0\.1:1") as caught:
            await session.engine()
        assert "papin config set providers.ollama.url" in caught.value.next_step


async def test_ollama_is_there(world):
    async with world.open() as session:
        engine = await session.engine()
    assert (engine.name, engine.address) == ("ollama", world.ollama.url)
    assert engine.version in {"0.20.0", "0.0.0"}


@pytest.mark.parametrize("impostor", [{"/api/version": b""}], indirect=True)
async def test_something_else_is_not_taken_for_it(impostor, tmp_path):
    async with opened(tmp_path, impostor.url, models=str(tmp_path / "none")) as session:
        with pytest.raises(ProviderFailed, match="is not Ollama"):
            await session.engine()


async def test_another_machine_is_not_asked_offline(tmp_path):
    async with opened(tmp_path, "http://192.0.2.1") as session:
        with pytest.raises(Offline):
            await session.engine()
