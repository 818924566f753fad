"""Answers of the real Ollama, as recorded in data/ollama.json: papin reads them right, and the fake answers alike.

They are recorded anew, with the real program, by

    PAPIN_RECORD=1 uv run pytest plugins/ollama/tests/test_recorded.py -m live
"""

import contextlib
import functools
from datetime import UTC, datetime

import pytest

from papin.errors import NotFound, ProviderFailed
from papin.http import Http
from papin.models import LoadedModel, LoadSettings, Message
from papin.testing import make_context
from papin.testing.recordings import Asked, Recorded, ask_all, check, differences, read_recording
from papin_ollama.plugin import papin_providers

from .conftest import HERE

FILE = HERE / "data" / "ollama.json"
JUNK = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"  # of {}
PERMITTED = {
    "show* body.model_info.*": "the toy's file has less metadata",
    "show* body.tensors.*.type": "the toy has one tensor",
}
RUNNER = {"num_ctx": 512, "num_thread": 1}
SURE = {**RUNNER, "num_predict": 3, "temperature": 0, "seed": 1}
HELLO = [{"role": "user", "content": "Hello"}]


def asked_of(digest):
    """Return everything that papin asks an Ollama that has the blob `digest` and no models, in an order that works."""
    files = {"m.gguf": f"sha256:{digest}"}
    tuned = {
        "model": "tuned",
        "from": "toy",
        "system": "Be brief.",
        "parameters": {"num_ctx": 4096, "stop": ["a", "b"]},
    }
    load = {"model": "toy", "options": RUNNER, "keep_alive": 600}
    return (
        Asked("root", "GET", "/"),
        Asked("version", "GET", "/api/version"),
        Asked("not localai", "GET", "/.well-known/localai.json"),
        Asked("not llama.cpp", "GET", "/props"),
        Asked("not lm studio", "GET", "/api/v1/models"),
        Asked("not lemonade", "GET", "/api/v1/system-info"),
        Asked("by another name", "GET", "/api/tags", headers={"Host": "ollama.example"}),
        Asked("list nothing", "GET", "/api/tags"),
        Asked("in memory nothing", "GET", "/api/ps"),
        Asked("has a blob", "HEAD", f"/api/blobs/sha256:{digest}"),
        Asked("has no blob", "HEAD", f"/api/blobs/sha256:{JUNK}"),
        Asked("upload", "POST", f"/api/blobs/sha256:{JUNK}", {}),
        Asked("upload again", "POST", f"/api/blobs/sha256:{JUNK}", {}),
        Asked("upload wrongly", "POST", f"/api/blobs/sha256:{'0' * 64}", {}),
        Asked("create of junk", "POST", "/api/create", {"model": "junk", "files": {"m.gguf": f"sha256:{JUNK}"}}),
        Asked("create", "POST", "/api/create", {"model": "toy", "files": files}),
        Asked("create with settings", "POST", "/api/create", tuned),
        Asked("create of nothing", "POST", "/api/create", {"model": "no", "files": {"m.gguf": f"sha256:{'1' * 64}"}}),
        Asked("list", "GET", "/api/tags"),
        Asked("show", "POST", "/api/show", {"model": "toy"}),
        Asked("show settings", "POST", "/api/show", {"model": "tuned"}),
        Asked("show an unknown one", "POST", "/api/show", {"model": "gone"}),
        Asked("copy", "POST", "/api/copy", {"source": "toy", "destination": "twin"}),
        Asked("copy an unknown one", "POST", "/api/copy", {"source": "gone", "destination": "twin"}),
        Asked("load", "POST", "/api/generate", load),
        Asked("load an unknown one", "POST", "/api/generate", {"model": "gone"}),
        Asked("in memory", "GET", "/api/ps"),
        Asked("chat", "POST", "/api/chat", {"model": "toy", "messages": HELLO, "options": SURE, "stream": True}),
        Asked("chat with an unknown one", "POST", "/api/chat", {"model": "gone", "messages": HELLO, "stream": True}),
        Asked(
            "complete", "POST", "/api/generate",
            {"model": "toy", "prompt": "The capital of France is", "raw": True, "options": SURE, "stream": True},
        ),
        Asked("embed", "POST", "/api/embed", {"model": "toy", "input": ["a cat", "a dog"], "options": RUNNER}),
        Asked("embed with an unknown one", "POST", "/api/embed", {"model": "gone", "input": ["a"]}),
        Asked("unload", "POST", "/api/generate", {"model": "toy", "keep_alive": 0}),
        Asked("unload an unknown one", "POST", "/api/generate", {"model": "gone", "keep_alive": 0}),
        Asked("in memory no more", "GET", "/api/ps", until={"models": []}),
        Asked("delete", "DELETE", "/api/delete", {"model": "twin"}),
        Asked("delete an unknown one", "DELETE", "/api/delete", {"model": "twin"}),
        Asked("pull from nowhere", "POST", "/api/pull", {"model": "127.0.0.1:1/library/toy", "insecure": True}),
        Asked("pull insecurely", "POST", "/api/pull", {"model": "http://127.0.0.1:1/library/toy", "insecure": False}),
    )  # fmt: skip


def test_the_fake_answers_as_the_real_one(fake):
    fake.ollama.put(fake.file)
    found = differences(recording(), ask_all(fake.ollama.url, asked_of(fake.digest)), PERMITTED)
    assert found == []


@functools.cache
def recording():
    return read_recording(FILE)


def body_of(name):
    return next(each.body for each in recording() if each.asked.name == name)


@pytest.fixture
def opened(tmp_path):
    """Give a function that opens a session with an Ollama that answers as recorded, and has no folder here."""
    (provider,) = papin_providers()
    with contextlib.ExitStack() as servers:

        def open_session(*names):
            server = servers.enter_context(Recorded(recording(), "version", "root", *names))
            return provider.open(
                make_context(provider, tmp_path, url=server.url, models=str(tmp_path / "none"), http=Http())
            )

        yield open_session


async def test_what_it_is_and_what_it_lists(opened):
    async with opened("list") as session:
        engine = await session.engine()
        first, second = (await session.models()).models
    assert (engine.name, engine.version) == ("ollama", "0.0.0")
    assert (first.reference, second.reference) == ("toy:latest", "tuned:latest")
    assert (first.size, first.format, first.architecture) == (98363007, "gguf", "llama")
    assert (first.parameters, first.quantization, first.state) == (134_520_000, "Q4_1", "ready")
    assert first.digest == body_of("list")["models"][0]["digest"]
    assert first.modified_at == datetime(2026, 1, 1, 0, 0, 0, 123456, UTC)


async def test_one_without_models_lists_nothing(opened):
    async with opened("list nothing", "in memory nothing") as session:
        assert ((await session.models()).models, await session.loaded()) == ((), ())


async def test_what_it_shows(opened):
    async with opened("show settings") as session:
        shown = await session.show("tuned")
        settings = await session.settings("tuned")
    assert shown.template.startswith("{{- range .Messages }}<|im_start|>")
    assert (shown.system_prompt, shown.parameters["num_ctx"]) == ("Be brief.", "4096")
    assert shown.metadata["llama.context_length"] == 8192
    assert settings == {"n_ctx": 4096, "system_prompt": "Be brief."}


async def test_what_is_in_memory(opened):
    async with opened("in memory") as session:
        (loaded,) = await session.loaded()
    assert (loaded.reference, loaded.n_ctx, loaded.memory) == (
        "toy:latest",
        512,
        body_of("in memory")["models"][0]["size"],
    )
    assert loaded.expires_at == datetime(2026, 1, 1, 0, 0, 0, 123456, UTC)


def a_loaded_one(reference="toy:latest"):
    return LoadedModel(model="toy", reference=reference, provider="ollama", address="", loaded_at=datetime.now(UTC))


async def test_what_it_says(opened):
    async with opened("chat", "complete", "embed") as session:
        async with session.chat(a_loaded_one(), [Message(role="user", content="Hello")], {}) as answer:
            chat = [each async for each in answer]
        async with session.complete(a_loaded_one(), "The capital of France is", {}) as answer:
            completion = [each async for each in answer]
        vectors = await session.embed(a_loaded_one(), ["a cat", "a dog"])
    assert "".join(each.text for each in chat) == "I'm glad"
    assert (chat[-1].finish_reason, chat[-1].timings.prompt_n, chat[-1].timings.predicted_n) == ("length", 10, 3)
    assert chat[-1].timings.predicted_ms == pytest.approx(body_of("chat")[-1]["eval_duration"] / 1e6)
    assert "".join(each.text for each in completion) == " Paris.\n"
    assert (len(vectors.vectors), vectors.prompt_n) == (2, 4)


@pytest.mark.parametrize(
    ("name", "does", "kind", "words"),
    [
        ("show an unknown one", lambda session: session.show("gone"), NotFound, "model 'gone' not found"),
        ("delete an unknown one", lambda session: session.remove("twin"), NotFound, "model 'twin' not found"),
        ("by another name", lambda session: session.models(), ProviderFailed, "listens on this machine only"),
        ("pull from nowhere", lambda session: session.pull("a/b", print), ProviderFailed, "connection refused"),
        (
            "embed with an unknown one", lambda session: session.embed(a_loaded_one("gone"), ["a"]), NotFound,
            "try pulling it first",
        ),
    ],
)  # fmt: skip
async def test_what_it_refuses(opened, name, does, kind, words):
    async with opened(name) as session:
        with pytest.raises(kind, match=words):
            await does(session)


async def test_a_model_that_is_gone_is_not_loaded(opened, fake):
    async with opened("load an unknown one", "in memory nothing") as session:
        with pytest.raises(NotFound):
            await session.load(fake.model("gone"), LoadSettings())


@pytest.mark.live
def test_the_real_one_answers_as_it_was_recorded(real):
    real.ollama.put(real.file)
    exchanges = ask_all(real.ollama.url, asked_of(real.digest))
    assert check(FILE, exchanges, neutral={str(real.ollama.folder): "/home/me/.ollama"}) == []
