"""The embedded llama.cpp with a real model."""

import math
import os
import signal

import pytest
import trio

from papin.errors import LoadFailed, ProviderFailed
from papin.models import LoadSettings, Message

from .conftest import ASK, ended, text_of

pytestmark = pytest.mark.live


@pytest.fixture(autouse=True)
def engine():
    pytest.importorskip("xllamacpp", reason="xllamacpp is not installed (`uv sync` installs it)")


async def collected(replies):
    return [reply async for reply in replies]


async def test_a_real_model_answers_and_is_unloaded(world, smollm2):
    async with world.open(engine="auto", n_threads=1) as session:
        assert (await session.engine()).name == "xllamacpp"
        loaded = await session.load(world.model(smollm2, "smollm2"), LoadSettings(n_ctx=1024))
        assert loaded.n_ctx == 1024
        assert loaded.memory > 50_000_000
        replies = await text_of(session, loaded, n_predict=8, temperature=0, seed=1)
        assert "".join(reply.text for reply in replies).strip()
        assert (replies[-1].finish_reason, replies[-1].timings.predicted_n) == ("length", 8)
        assert await session.unload("smollm2") is True
        await ended(loaded.pid)
    assert world.engine_files() == []


async def test_leaving_an_answer_stops_the_generation(world, smollm2):
    async with world.open(engine="xllamacpp", n_threads=1) as session:
        loaded = await session.load(world.model(smollm2, "smollm2"), LoadSettings(n_ctx=2048))
        async with session.chat(loaded, ASK, {"ignore_eos": True}) as replies:
            await anext(replies)
            assert [each.answering for each in await session.loaded()] == [1]
        with trio.fail_after(60):
            while (await session.loaded())[0].answering:
                await trio.lowlevel.checkpoint()
        await session.unload("smollm2")


async def test_a_crash_while_it_answers_is_told(world, smollm2):
    async with world.open(engine="xllamacpp", n_threads=1) as session:
        model = world.model(smollm2, "smollm2")
        loaded = await session.load(model, LoadSettings(n_ctx=512))
        async with session.chat(loaded, ASK, {"ignore_eos": True}) as replies:
            await anext(replies)
            os.kill(loaded.pid, signal.SIGSEGV)
            with pytest.raises(ProviderFailed) as caught:
                await collected(replies)
        assert "died" in caught.value.message
        assert await session.loaded() == []


async def test_a_model_without_a_chat_template_answers(world, smollm2, tmp_path):
    path = tmp_path / "plain.gguf"
    data = smollm2.read_bytes()
    assert data.count(b"tokenizer.chat_template") == 1
    path.write_bytes(data.replace(b"tokenizer.chat_template", b"tokenizer.chat_templatX"))
    async with world.open(engine="xllamacpp", n_threads=1) as session:
        loaded = await session.load(world.model(path, "plain"), LoadSettings(n_ctx=512))
        assert len(await text_of(session, loaded, n_predict=2)) > 1
        with pytest.raises(ProviderFailed, match="longer than the 512 tokens"):
            async with session.chat(loaded, [Message(role="user", content="word " * 2000)], {}) as replies:
                await anext(replies)
        await session.unload("plain")


@pytest.mark.parametrize("kind", ["half a header", "half the weights", "text", "empty"])
async def test_a_file_that_is_no_whole_model_is_refused_with_a_reason(world, smollm2, tmp_path, kind):
    whole = smollm2.read_bytes()
    data = {"half a header": whole[:100_000], "half the weights": whole[:50_000_000], "text": b"hello", "empty": b""}
    path = tmp_path / "bad.gguf"
    path.write_bytes(data[kind])
    async with world.open(engine="xllamacpp", n_threads=1) as session:
        with pytest.raises(LoadFailed) as caught:
            await session.load(world.model(path, "bad"), LoadSettings())
    assert "no reason" not in caught.value.message
    assert str(tmp_path) not in caught.value.message
    assert world.engine_files() == []


async def test_texts_become_vectors_and_the_same_engine_chats(world, smollm2):
    async with world.open(engine="xllamacpp", n_threads=1, embedding=True, pooling_type="mean") as session:
        settings = LoadSettings(n_ctx=512, cache_type_k="q8_0", cache_type_v="q8_0", flash_attn=True)
        loaded = await session.load(world.model(smollm2, "smollm2"), settings)
        found = await session.embed(loaded, ["a cat sat", "a cat sits", "the stock market fell"])
        cat, cats, market = found.vectors
        assert len(cat) == 576
        assert cosine(cat, cats) > cosine(cat, market)
        assert found.prompt_n > 0
        async with session.complete(loaded, "Once upon a", {"n_predict": 4, "temperature": 0}) as replies:
            assert "time" in "".join([each.text async for each in replies])
        assert await text_of(session, loaded, n_predict=2)
        await session.unload("smollm2")


async def test_a_model_that_was_loaded_for_chats_does_not_embed(world, smollm2):
    async with world.open(engine="xllamacpp", n_threads=1) as session:
        loaded = await session.load(world.model(smollm2, "smollm2"), LoadSettings(n_ctx=512))
        with pytest.raises(ProviderFailed, match="loaded for chats") as caught:
            await session.embed(loaded, ["a"])
        assert "providers.llamacpp.embedding" in caught.value.next_step
        await session.unload("smollm2")


def cosine(one, other):
    return sum(a * b for a, b in zip(one, other, strict=True)) / math.hypot(*one) / math.hypot(*other)
