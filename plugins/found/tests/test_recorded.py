"""What LM Studio answers, as written in data/lmstudio.json (see data/README.md): papin reads it right, the fake answers so."""

import contextlib
from datetime import UTC, datetime

import pytest

from papin.errors import LoadFailed, NotFound, OutOfMemory, ProviderFailed
from papin.models import LoadedModel, LoadSettings
from papin.testing.recordings import Asked, Recorded, ask_all, differences, read_recording

from .layouts import put
from .test_lmstudio import ASK, HERE, model_of, open_it, server

SAID = read_recording(HERE / "data" / "lmstudio.json")
HELLO = {"messages": [{"role": "user", "content": "Hello"}], "stream": True, "max_tokens": 3}
HELLO |= {"stream_options": {"include_usage": True}}
ASKED = (
    Asked("list", "GET", "/api/v1/models"),
    Asked("load", "POST", "/api/v1/models/load", {"model": "toy-1b", "context_length": 2048, "echo_load_config": True}),
    Asked("load an unknown one", "POST", "/api/v1/models/load", {"model": "gone"}),
    Asked("load one that it cannot", "POST", "/api/v1/models/load", {"model": "broken"}),
    Asked("load one that is too large", "POST", "/api/v1/models/load", {"model": "huge"}),
    Asked("list once it runs", "GET", "/api/v1/models"),
    Asked("chat", "POST", "/v1/chat/completions", {"model": "toy-1b", **HELLO}),
    Asked("embed", "POST", "/v1/embeddings", {"model": "toy-1b", "input": ["a cat", "a dog"]}),
    Asked("unload", "POST", "/api/v1/models/unload", {"instance_id": "toy-1b"}),
    Asked("unload an unknown one", "POST", "/api/v1/models/unload", {"instance_id": "gone"}),
    Asked("fetch", "POST", "/api/v1/models/download", {"model": "slow/small"}),
    Asked("fetch an unknown one", "POST", "/api/v1/models/download", {"model": "nobody/small"}),
    Asked("download", "GET", "/api/v1/models/download/status/job-0"),
    Asked("download of nobody", "GET", "/api/v1/models/download/status/gone"),
    Asked("fetch one that is there", "POST", "/api/v1/models/download", {"model": "p/toy", "quantization": "Q4_0"}),
    Asked("not ollama", "GET", "/api/version"),
)


def fill(folder):
    put(folder / "p" / "Toy-1B-GGUF" / "toy-1b-Q4_0.gguf")
    put(folder / "p" / "Broken-GGUF" / "broken-Q4_0.gguf", b"refuse")
    put(folder / "p" / "Huge-GGUF" / "huge-Q4_0.gguf", b"memory")
    put(folder / "p" / "toy" / "toy-Q4_0.gguf")


def test_the_fake_answers_so(tmp_path):
    folder = tmp_path / "models"
    fill(folder)
    with server(folder) as url:
        exchanges = ask_all(url, ASKED)
    assert differences(SAID, exchanges) == []


def a_loaded_one():
    return LoadedModel(model="toy", reference="toy-1b", provider="lmstudio", address="", loaded_at=datetime.now(UTC))


@pytest.fixture
def opened(tmp_path):
    """Give a function that opens a session with an LM Studio that answers as written, and has no folder here."""
    with contextlib.ExitStack() as servers:

        def open_session(*names):
            written = servers.enter_context(Recorded(SAID, *names))
            return open_it(tmp_path, url=written.url, folder=str(tmp_path / "none"))

        yield open_session


async def test_what_it_lists_and_has_in_memory(opened):
    async with opened("list once it runs") as session:
        engine = await session.engine()
        models = {each.reference: each for each in (await session.models()).models}
        (loaded,) = await session.loaded()
    assert engine.name == "LM Studio"
    toy = models["toy-1b"]
    assert (toy.size, toy.format, toy.architecture, toy.quantization) == (668788096, "gguf", "llama", "Q4_0")
    assert (toy.parameters, toy.context_length, toy.capabilities) == (1_000_000_000, 8192, ("chat", "tools"))
    assert (loaded.reference, loaded.n_ctx) == ("toy-1b", 2048)


async def test_what_it_says(opened):
    async with opened("list once it runs", "chat", "embed") as session:
        async with session.chat(a_loaded_one(), ASK, {}) as answer:
            said = [each async for each in answer]
        vectors = await session.embed(a_loaded_one(), ["a cat", "a dog"])
    assert "".join(each.text for each in said) == "Light is scattered"
    assert said[-1].finish_reason == "length"
    assert len(vectors.vectors) == 2


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("load an unknown one", ProviderFailed, "gone not found"),
        ("load one that it cannot", LoadFailed, "unknown architecture"),
        ("load one that is too large", OutOfMemory, "insufficient system resources"),
    ],
)
async def test_a_load_that_it_refuses(opened, name, kind, words):
    async with opened("list", name) as session:
        with pytest.raises(kind, match=words):
            await session.load(model_of("toy", reference="toy-1b"), LoadSettings())


async def test_a_model_that_it_cannot_fetch(opened):
    async with opened("list", "fetch an unknown one") as session:
        with pytest.raises(NotFound, match="nobody/small"):
            await session.pull("nobody/small", print)
