"""What LocalAI answers, as written in data/localai.json (see data/README.md): papin reads it right, the fake answers so."""

import contextlib
from datetime import UTC, datetime

import pytest

from papin.errors import LoadFailed, NotFound, ProviderFailed
from papin.models import LoadedModel, LoadSettings, Message
from papin.testing.recordings import Asked, Recorded, ask_all, differences, read_recording

from .conftest import HERE, placed
from .fake_localai import LocalAI

SAID = read_recording(HERE / "data" / "localai.json")
HELLO = {"messages": [{"role": "user", "content": "Hello"}], "stream": True, "max_tokens": 3}
ONCE = {"prompt": "The sky", "stream": True, "max_tokens": 3}
ASKED = (
    Asked("what it is", "GET", "/.well-known/localai.json"),
    Asked("version", "GET", "/version"),
    Asked("version as ollama", "GET", "/api/version"),
    Asked("not llama.cpp", "GET", "/props"),
    Asked("list as ollama", "GET", "/api/tags"),
    Asked("in memory nothing", "GET", "/system"),
    Asked("list", "GET", "/v1/models"),
    Asked("config", "GET", "/api/models/config-json/toy"),
    Asked("config of an unknown one", "GET", "/api/models/config-json/gone"),
    Asked("configure", "PATCH", "/api/models/config-json/toy", {"context_size": 4096}),
    Asked("load", "POST", "/backend/load", {"model": "toy"}),
    Asked("load an unknown one", "POST", "/backend/load", {"model": "gone"}),
    Asked("in memory", "GET", "/system"),
    Asked("chat", "POST", "/v1/chat/completions", {"model": "toy", **HELLO}),
    Asked("complete", "POST", "/v1/completions", {"model": "toy", **ONCE}),
    Asked("embed", "POST", "/v1/embeddings", {"model": "toy", "input": ["a cat", "a dog"]}),
    Asked("unload", "POST", "/backend/shutdown", {"model": "toy"}),
    Asked("unload one that does not run", "POST", "/backend/shutdown", {"model": "toy"}),
    Asked("install", "POST", "/api/models/install/localai%40small"),
    Asked("job", "GET", "/models/jobs/job-0"),
    Asked("job of nobody", "GET", "/models/jobs/gone"),
    Asked("install the old way", "POST", "/models/apply", {"id": "localai@small"}),
    Asked("reload", "POST", "/models/reload"),
    Asked("delete", "POST", "/models/delete/toy"),
)


def test_the_fake_answers_so(root):
    (root / "toy.gguf").write_bytes(b"GGUF")
    (root / "toy.yaml").write_text("name: toy\nbackend: llama-cpp\ncontext_size: 2048\nparameters: {model: toy.gguf}\n")
    with LocalAI(root) as server:
        exchanges = ask_all(server.url, ASKED)
    assert differences(SAID, exchanges) == []


def a_loaded_one():
    return LoadedModel(model="toy", reference="toy", provider="localai", address="", loaded_at=datetime.now(UTC))


@pytest.fixture
def answering(opened):
    """Give a function that opens a session with a LocalAI that answers as written, and has no folder here."""
    with contextlib.ExitStack() as servers:

        def open_session(*names):
            written = servers.enter_context(Recorded(SAID, "what it is", *names))
            return opened(url=written.url, models=None)

        yield open_session


async def test_what_it_is_has_and_keeps(answering):
    async with answering("list", "config", "in memory") as session:
        engine = await session.engine()
        (model,) = (await session.models()).models
        shown = await session.show("toy")
        settings = await session.settings("toy")
        (loaded,) = await session.loaded()
    assert (engine.name, engine.version, model.reference) == ("LocalAI", "v4.5.5", "toy")
    assert (shown.parameters, shown.metadata["backend"]) == ({"model": "toy.gguf"}, "llama-cpp")
    assert (settings, loaded.reference) == ({"n_ctx": 2048}, "toy")


async def test_what_it_says(answering):
    async with answering("chat", "complete", "embed", "unload") as session:
        async with session.chat(a_loaded_one(), [Message(role="user", content="Hello")], {}) as answer:
            said = [each async for each in answer]
        async with session.complete(a_loaded_one(), "The sky", {}) as answer:
            completion = [each async for each in answer]
        vectors = await session.embed(a_loaded_one(), ["a cat", "a dog"])
        assert await session.unload("toy") is True
    assert "".join(each.text for each in said) == "".join(each.text for each in completion) == "The sky is"
    assert (said[-1].finish_reason, len(vectors.vectors)) == ("length", 2)


async def test_an_install_of_which_nothing_came(answering):
    async with answering("install", "job", "list") as session:
        with pytest.raises(ProviderFailed):  # the job ended well, and there is no such model
            await session.pull("localai@small", print)


async def test_what_it_refuses(answering, model):
    async with answering("load an unknown one", "config of an unknown one", "unload one that does not run") as session:
        with pytest.raises(LoadFailed, match="model gone not found"):
            await session.load(placed(model, "gone"), LoadSettings())
        with pytest.raises(NotFound):
            await session.settings("gone")
        assert await session.unload("toy") is False
