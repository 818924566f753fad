"""Answers of a real llama-server, as recorded in data/router.json and data/single.json, and those of the fake ones.

They are recorded anew, with the real program, by

    PAPIN_RECORD=1 uv run pytest plugins/llamacpp/tests/test_recorded.py -m live
"""

import msgspec
import pytest
import trio

from papin.errors import LoginRequired, NotFound, ProviderFailed
from papin.events import ModelLoaded, ModelLoading, ModelUnloaded
from papin.models import LoadSettings
from papin.testing import make_context
from papin.testing.recordings import Asked, Recorded, ask_all, check, differences, read_recording
from papin_llamacpp._idle import Activity
from papin_llamacpp._server import activity

from .conftest import HERE, text_of
from .servers import KEY, descriptor, fake_router, fake_single, model_of, real_server, toy

DATA = HERE / "data"
HEADERS = {"Authorization": f"Bearer {KEY}"}
WITHOUT_KEY = {"Authorization": "Bearer wrong"}
HELLO = {"messages": [{"role": "user", "content": "Hello"}], "stream": True, "max_tokens": 3, "temperature": 0}
ONCE = {"prompt": "The capital of France is", "stream": True, "max_tokens": 3, "temperature": 0}
SETTINGS = {
    "n_ctx": 512, "n_parallel": 1, "temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05, "repeat_penalty": 1.0,
}  # fmt: skip


def is_(status):
    return {"data.0.status.value": status}


ROUTER = (
    Asked("health", "GET", "/health"),
    Asked("props", "GET", "/props"),
    Asked("not localai", "GET", "/.well-known/localai.json"),
    Asked("not ollama", "GET", "/api/version"),
    Asked("without its key", "GET", "/models", headers=WITHOUT_KEY),
    Asked("events", "GET", "/models/sse", until={"event": "status_change", "data.status": "unloaded"}, follows=True),
    Asked("list anew", "GET", "/models?reload=1"),
    Asked("list", "GET", "/models"),
    Asked("props of one that does not run", "GET", "/props?model=toy&autoload=false"),
    Asked("slots of one that does not run", "GET", "/slots?model=toy&autoload=false"),
    Asked("chat with one that does not run", "POST", "/v1/chat/completions?autoload=false", {"model": "toy", **HELLO}),
    Asked("chat with an unknown one", "POST", "/v1/chat/completions", {"model": "gone", **HELLO}),
    Asked("load an unknown one", "POST", "/models/load", {"model": "gone"}),
    Asked("unload an unknown one", "POST", "/models/unload", {"model": "gone"}),
    Asked("unload one that does not run", "POST", "/models/unload", {"model": "toy"}),
    Asked("load", "POST", "/models/load", {"model": "toy"}),
    Asked("list once it runs", "GET", "/models", until=is_("loaded")),
    Asked("load one that runs", "POST", "/models/load", {"model": "toy"}),
    Asked("props of one", "GET", "/props?model=toy&autoload=false"),
    Asked("slots of one", "GET", "/slots?model=toy&autoload=false"),
    Asked("chat", "POST", "/v1/chat/completions", {"model": "toy", **HELLO}),
    Asked("complete", "POST", "/v1/completions", {"model": "toy", **ONCE}),
    Asked("embed", "POST", "/v1/embeddings", {"model": "toy", "input": ["a cat", "a dog"]}),
    Asked("remove", "DELETE", "/models?model=toy"),
    Asked("remove an unknown one", "DELETE", "/models?model=gone"),
    Asked("fetch nonsense", "POST", "/models", {"model": "nonsense"}),
    Asked("unload", "POST", "/models/unload", {"model": "toy"}),
    Asked("list once it is gone", "GET", "/models", until=is_("unloaded")),
)
SINGLE = (
    Asked("health", "GET", "/health"),
    Asked("without its key", "GET", "/props", headers=WITHOUT_KEY),
    Asked("props", "GET", "/props"),
    Asked("slots", "GET", "/slots"),
    Asked("metrics", "GET", "/metrics"),
    Asked("list", "GET", "/models"),
    Asked("list as openai", "GET", "/v1/models"),
    Asked("not ollama", "GET", "/api/version"),
    Asked("chat", "POST", "/v1/chat/completions", {"model": "toy", **HELLO}),
    Asked("complete", "POST", "/v1/completions", {"model": "toy", **ONCE}),
    Asked("too long", "POST", "/v1/completions", {"model": "toy", **ONCE, "prompt": "word " * 600}),
    Asked("metrics once it answered", "GET", "/metrics"),
    Asked("embed without being started to", "POST", "/v1/embeddings", {"model": "toy", "input": ["a"]}),
)


ROUTER_SAID = read_recording(DATA / "router.json")
SINGLE_SAID = read_recording(DATA / "single.json")


def test_the_fake_router_answers_as_the_real_one(tmp_path):
    toy(tmp_path, "toy")
    with fake_router(tmp_path) as running:
        exchanges = ask_all(running.address, ROUTER, HEADERS)
    assert differences(ROUTER_SAID, exchanges) == []


def test_the_fake_server_with_one_model_answers_as_the_real_one(tmp_path):
    with fake_single(tmp_path) as running:
        exchanges = ask_all(running.address, SINGLE, HEADERS)
    assert differences(SINGLE_SAID, exchanges) == []


def open_recorded(recorded, folder, publish=print):
    context = make_context(descriptor(), folder, publish=publish, url=recorded.url)
    return descriptor().open(context)


async def test_what_a_router_lists(tmp_path):
    with Recorded(ROUTER_SAID, "props", "list", "props of one that does not run") as server:
        async with open_recorded(server, tmp_path) as session:
            engine = await session.engine()
            (model,) = (await session.models()).models
            assert await session.loaded() == []
    assert (engine.name, engine.version) == ("llama-server (router)", "b0-unknown")
    assert (model.reference, model.format, model.capabilities) == ("toy", "gguf", ("text",))


async def test_what_a_router_says_of_a_model_that_runs(tmp_path):
    names = ("props", "list once it runs", "props of one", "slots of one")
    with Recorded(ROUTER_SAID, *names) as server:
        async with open_recorded(server, tmp_path) as session:
            (model,) = (await session.models()).models
            (loaded,) = await session.loaded()
            shown = await session.show("toy")
            settings = await session.settings("toy")
    assert (model.parameters, model.quantization, model.context_length) == (134515008, "Q4_1", 8192)
    assert (loaded.reference, loaded.n_ctx, loaded.answering) == ("toy", 512, 0)
    assert (shown.parameters["ctx-size"], shown.metadata["size"]) == ("512", 96576768)
    assert "<|im_start|>" in shown.template
    assert settings == SETTINGS


async def test_what_a_router_tells_of_loading(tmp_path):
    events = []
    with Recorded(ROUTER_SAID, "props", "list", "events") as server:
        async with open_recorded(server, tmp_path, events.append) as session:
            await session.engine()
            with trio.fail_after(60):
                while len(events) < 3:  # the stream begins anew each time that it ends
                    await trio.lowlevel.checkpoint()
    assert [type(each) for each in events[:3]] == [ModelLoading, ModelLoaded, ModelUnloaded]


@pytest.mark.parametrize(
    ("names", "does", "kind", "words"),
    [
        (["health", "without its key as props"], lambda session: session.models(), LoginRequired, "Invalid API Key"),
        (
            ["props", "list", "remove"],
            lambda session: session.remove("toy"),
            ProviderFailed,
            "not in the router's cache",
        ),
        (
            ["props", "list", "fetch nonsense"],
            lambda session: session.pull("nonsense", print),
            NotFound,
            "no nonsense",
        ),
        (["props", "list"], lambda session: session.show("gone"), NotFound, "gone"),
    ],
)
async def test_what_a_router_refuses(tmp_path, names, does, kind, words):
    (refused,) = (each for each in SINGLE_SAID if each.asked.name == "without its key")
    renamed = msgspec.structs.replace(refused, asked=Asked("without its key as props", "GET", "/props"))
    with Recorded([*ROUTER_SAID, renamed], *names) as server:
        async with open_recorded(server, tmp_path) as session:
            with pytest.raises(kind, match=words):
                await does(session)


async def test_what_one_with_one_model_refuses(tmp_path):
    with Recorded(SINGLE_SAID, "props", "list", "too long", "embed without being started to") as server:
        async with open_recorded(server, tmp_path) as session:
            loaded = await session.load(model_of("toy"), LoadSettings())
            with pytest.raises(ProviderFailed, match=r"601 tokens.*512"):
                async with session.complete(loaded, "word", {}) as answer:
                    await anext(answer)
            with pytest.raises(ProviderFailed, match="not started to embed"):
                await session.embed(loaded, ["a"])


def test_how_busy_it_says_to_be():
    with Recorded(SINGLE_SAID, "metrics once it answered") as server:
        assert activity(server.url, KEY, patience=30) == Activity(requests=0, tokens=42)


async def test_what_one_with_one_model_says(tmp_path):
    names = ("props", "list", "slots", "chat", "complete")
    with Recorded(SINGLE_SAID, *names) as server:
        async with open_recorded(server, tmp_path) as session:
            (model,) = (await session.models()).models
            loaded = await session.load(model_of("toy"), LoadSettings())
            settings = await session.settings("toy")
            said = await text_of(session, loaded)
            async with session.complete(loaded, "The capital of France is", {}) as answer:
                completion = [each async for each in answer]
    assert (model.reference, model.size, model.capabilities) == ("toy", 96576768, ("text", "chat"))
    assert (loaded.n_ctx, settings) == (512, SETTINGS)
    assert "".join(each.text for each in said) == "Hello! I"
    assert (said[-1].finish_reason, said[-1].timings.prompt_n, said[-1].timings.predicted_n) == ("length", 31, 3)
    assert "".join(each.text for each in completion) == " Paris.\n"


@pytest.mark.live
def test_a_real_router_answers_as_it_was_recorded(tmp_path, smollm2, find_program):
    path = tmp_path / "models" / "toy" / "toy.gguf"
    path.parent.mkdir(parents=True)
    path.symlink_to(smollm2)
    program = find_program("llama-server")
    flags = ("--models-dir", str(tmp_path / "models"), "--ctx-size", "512", "--embeddings", "--pooling", "mean")
    with real_server(program, tmp_path, *flags) as running:
        exchanges = ask_all(running.address, ROUTER, HEADERS)
    neutral = {
        str(tmp_path): "/home/me",
        str(program.path.parent): "/usr/bin",
        f"{running.address.rpartition(':')[2]}": "8080",
    }
    assert check(DATA / "router.json", exchanges, neutral=neutral) == []


@pytest.mark.live
def test_a_real_server_with_one_model_answers_as_it_was_recorded(tmp_path, smollm2, find_program):
    path = tmp_path / "toy.gguf"
    path.symlink_to(smollm2)
    flags = ("--model", str(path), "--alias", "toy", "--ctx-size", "512", "--metrics")
    with real_server(find_program("llama-server"), tmp_path, *flags) as running:
        exchanges = ask_all(running.address, SINGLE, HEADERS)
    assert check(DATA / "single.json", exchanges, neutral={str(tmp_path): "/home/me"}) == []
