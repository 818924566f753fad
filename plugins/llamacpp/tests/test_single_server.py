"""A llama-server with one model: the real one, and a fake one for what the real one does not do on demand."""

from pathlib import Path

import pytest
import trio

from papin.errors import NotFound, ProviderFailed
from papin.models import LoadSettings
from papin.testing.contexts import KnownFiles

from .conftest import text_of
from .servers import fake_single, model_of, real_server

LIVE = pytest.mark.live


@pytest.fixture(scope="module")
def server(tmp_path_factory, smollm2, find_program):
    flags = ("--model", str(smollm2), "--embeddings", "--pooling", "mean", "--ctx-size", "512", "--temp", "0.33")
    with real_server(find_program("llama-server"), tmp_path_factory.mktemp("single"), *flags) as running:
        yield running


def files(model, path):
    return KnownFiles({model.id: [path]})


@LIVE
async def test_it_has_the_model_that_it_was_started_with(server, smollm2):
    async with server.open() as session:
        assert (await session.engine()).name == "llama-server"
        (model,) = (await session.models()).models
    assert Path(model.files[0].path) == smollm2
    assert model.size == smollm2.stat().st_size
    assert (model.parameters, model.quantization, model.context_length) == (134515008, "Q4_1", 8192)
    assert "chat" in model.capabilities


@LIVE
async def test_a_model_of_papin_is_recognised_by_its_file(server, smollm2, tmp_path):
    linked = tmp_path / "other-name.gguf"
    linked.symlink_to(smollm2)
    model = model_of("mine", linked)
    async with server.open(files(model, linked)) as session:
        loaded = await session.load(model, LoadSettings())
        assert (loaded.model, loaded.n_ctx) == ("mine", 512)
        replies = await text_of(session, loaded, n_predict=4)
        assert "".join(each.text for each in replies)
        assert replies[-1].timings.predicted_n == 4
        async with session.complete(loaded, "Once upon a", {"n_predict": 3}) as answer:
            assert "".join([each.text async for each in answer])
        found = await session.embed(loaded, ["a cat", "a kitten"])
        assert [len(vector) for vector in found.vectors] == [576, 576]
        assert [each.model for each in await session.loaded()] == ["mine"]
        with pytest.raises(ProviderFailed, match="stays loaded"):
            await session.unload("mine")


@LIVE
async def test_it_tells_how_many_requests_it_answers(server, smollm2):
    model = model_of("mine", smollm2)
    async with server.open(files(model, smollm2)) as session:
        loaded = await session.load(model, LoadSettings())
        assert [each.answering for each in await session.loaded()] == [0]
        async with session.complete(loaded, "Once upon a", {"ignore_eos": True}) as answer:
            await anext(answer)
            assert [each.answering for each in await session.loaded()] == [1]


@LIVE
async def test_how_it_samples_when_nobody_says(server):
    async with server.open() as session:
        (model,) = (await session.models()).models
        told = await session.settings(model.reference)
    assert {name: told[name] for name in ("n_ctx", "n_parallel", "temperature")} == {
        "n_ctx": 512,
        "n_parallel": 1,
        "temperature": 0.33,
    }
    assert set(told) >= {"top_k", "top_p", "min_p", "repeat_penalty"}
    assert not set(told) & {"seed", "n_predict"}  # each time another one, and no limit


@LIVE
async def test_another_model_is_not_loaded(server, smollm2, tmp_path):
    other = tmp_path / "other.gguf"
    other.write_text("")
    model = model_of("other", other)
    async with server.open(files(model, other)) as session:
        with pytest.raises(NotFound) as caught:
            await session.load(model, LoadSettings())
        assert "papin run other --provider llamacpp" in caught.value.next_step
        assert await session.unload("other") is False


@LIVE
async def test_a_chat_that_is_too_long(server, smollm2):
    model = model_of("mine", smollm2)
    async with server.open(files(model, smollm2)) as session:
        loaded = await session.load(model, LoadSettings())
        with pytest.raises(ProviderFailed, match="longer than the context"):
            async with session.complete(loaded, "word " * 2000, {}) as answer:
                await anext(answer)


async def test_a_fake_one_answers_and_keeps_its_model(tmp_path):
    with fake_single(tmp_path) as server:
        async with server.open() as session:
            (model,) = (await session.models()).models
            assert (model.reference, model.files[0].path) == ("toy", str((tmp_path / "toy.gguf").resolve()))
            loaded = await session.load(model_of("toy"), LoadSettings())
            assert "".join(each.text for each in await text_of(session, loaded)) == "Light is scattered."
            with pytest.raises(ProviderFailed, match="stays loaded"):
                await session.unload("toy")
            told = {"temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05, "repeat_penalty": 1.0}
            assert await session.settings("toy") == {"n_ctx": 512, "n_parallel": 1, **told}
            with pytest.raises(NotFound):
                await session.settings("other")
            assert "started with" in await session.fixed("toy")
            with pytest.raises(ProviderFailed, match="serves one model"):
                await session.pull("a/b", print)
            with pytest.raises(ProviderFailed, match="serves one model"):
                await session.configure("toy", {"n_ctx": 1})


async def test_one_that_is_still_loading_is_there_and_not_empty(tmp_path):
    with fake_single(tmp_path, '{"load": "hang"}') as server:
        async with server.open() as session:
            assert (await session.engine()).address == server.address
            assert await session.loaded() == []
            with pytest.raises(ProviderFailed, match="still loading"):
                await session.models()
            with trio.move_on_after(0.3) as scope:
                await session.load(model_of("toy"), LoadSettings())
            assert scope.cancelled_caught
