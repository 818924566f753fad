"""Loading and answering, with the fake and with the real Ollama."""

import json

import pytest
import trio

from papin.errors import ConfigInvalid, LoadFailed, NotFound, Offline, OutOfMemory, ProviderFailed
from papin.http import Http
from papin.models import LoadSettings, Message

ASK = [Message(role="user", content="What is the capital of France?")]


async def collected(opened):
    async with opened as replies:
        return [reply async for reply in replies]


async def test_a_chat_is_a_stream_with_timings(world):
    world.ollama.add(world.file)
    async with world.open() as session:
        loaded = await session.load(world.model("toy"), LoadSettings(n_ctx=1024, n_threads=1))
        assert (loaded.model, loaded.reference, loaded.n_ctx) == ("toy", "toy:latest", 1024)
        replies = await collected(session.chat(loaded, ASK, {"n_predict": 7, "temperature": 0, "seed": 1}))
        assert "Paris" in "".join(reply.text for reply in replies)
        timings = replies[-1].timings
        assert timings.predicted_n == 7
        assert timings.prompt_n > 10
        assert 0 < timings.predicted_ms < 600_000
        assert await session.unload("toy") is True
        assert await session.unload("toy:latest") is False
        assert await session.loaded() == ()


async def test_a_completion_has_no_template(world):
    world.ollama.add(world.file)
    async with world.open() as session:
        loaded = await session.load(world.model("toy"), LoadSettings(n_ctx=1024, n_threads=1))
        options = {"n_predict": 3, "temperature": 0, "stop": "<stop>"}
        replies = await collected(session.complete(loaded, "The capital of France is", options))
        assert "Paris" in "".join(reply.text for reply in replies)
        assert replies[-1].finish_reason == "length"


async def test_loading_again_and_answering_do_not_load_anew(world):
    """Ollama loads a model anew for every request with other options; papin says the same each time."""
    world.ollama.add(world.file)
    async with world.open() as session:
        first = await session.load(world.model("toy"), LoadSettings(n_ctx=512, n_threads=1, keep_alive=600))
        await collected(session.chat(first, ASK, {"n_predict": 1}))
    async with world.open() as session:  # another process, for all it knows
        again = await session.load(world.model("toy"), LoadSettings())
        assert (again.n_ctx, again.loaded_at) == (512, first.loaded_at)
        assert again.expires_at > first.loaded_at.replace(microsecond=0)
        (told,) = await session.loaded()
        assert (told.model, told.reference, told.n_ctx) == ("toy", "toy:latest", 512)
        if world.ollama.is_fake:
            assert world.ollama.get("/fake/state")["loads"] == 1


async def test_a_model_that_somebody_else_loaded_is_told(world):
    world.ollama.add(world.file)
    world.ollama.post("/api/generate", {"model": "toy", "options": {"num_ctx": 512, "num_thread": 1}, "keep_alive": -1})
    async with world.open() as session:
        (told,) = await session.loaded()
        assert (told.model, told.reference, told.expires_at, told.n_ctx) == ("", "toy:latest", None, 512)
        renewed = await session.load(world.model("toy"), LoadSettings())
        assert renewed.n_ctx == 512


async def test_a_model_that_is_not_there_is_not_found(world):
    async with world.open() as session:
        with pytest.raises(NotFound) as caught:
            await session.load(world.model(), LoadSettings())
        assert "papin models share toy --with ollama" in caught.value.next_step
        with pytest.raises(NotFound):
            await session.load(world.model("gone"), LoadSettings())


async def test_an_unknown_option_is_refused(world):
    world.ollama.add(world.file)
    async with world.open() as session:
        loaded = await session.load(world.model("toy"), LoadSettings(n_ctx=512, n_threads=1))
        with pytest.raises(ConfigInvalid, match="no option 'temprature'") as caught:
            await collected(session.chat(loaded, ASK, {"temprature": 1}))
        assert "temperature" in caught.value.next_step


async def test_an_embedding_model_is_loaded_by_embedding(fake):
    from .gguf_file import gguf

    fake.ollama.add(gguf("bert"), "embedder")
    async with fake.open() as session:
        loaded = await session.load(fake.model("embedder"), LoadSettings())
        found = await session.embed(loaded, ["a", "bcd"])
        assert (found.vectors, found.prompt_n) == (((1.0, 1.0, 0.5), (3.0, 1.0, 0.5)), 4)
        assert await session.unload("embedder") is True


async def test_embeddings_have_one_vector_each(world):
    world.ollama.add(world.file)
    async with world.open() as session:
        loaded = await session.load(world.model("toy"), LoadSettings(n_ctx=512, n_threads=1))
        found = await session.embed(loaded, ["Paris", "a longer text"])
        assert len(found.vectors) == 2
        assert len(found.vectors[0]) == len(found.vectors[1]) > 2
        assert found.prompt_n > 0
        assert (await session.embed(loaded, [])).vectors == ()


@pytest.mark.parametrize(
    ("how", "kind", "words"),
    [("memory", OutOfMemory, "99.0 GiB"), ("fail", LoadFailed, "unable to load model")],
)
async def test_a_load_that_fails_says_why(fake, how, kind, words):
    fake.ollama.add(fake.file)
    fake.ollama.behave(load=how)
    async with fake.open() as session:
        with pytest.raises(kind, match=words):
            await session.load(fake.model("toy"), LoadSettings())


@pytest.mark.parametrize(
    ("how", "words"),
    [("error", r"does not go on: the runner \[31m died"), ("cut", "as it should"), ("rubbish", "does not understand")],
)
async def test_an_answer_that_fails_in_its_middle(fake, how, words):
    fake.ollama.add(fake.file)
    async with fake.open() as session:
        fake.ollama.behave(chat=how)
        loaded = await session.load(fake.model("toy"), LoadSettings())
        with pytest.raises(ProviderFailed, match=words):
            await collected(session.chat(loaded, ASK, {}))


async def test_what_a_model_thinks_is_part_of_the_answer(fake):
    fake.ollama.add(fake.file)
    fake.ollama.behave(chat="think")
    async with fake.open() as session:
        loaded = await session.load(fake.model("toy"), LoadSettings())
        replies = await collected(session.chat(loaded, ASK, {"n_predict": 1}))
        assert "".join(reply.text for reply in replies) == "<think>Let me see</think>Paris"


async def test_an_answer_can_be_cancelled(world):
    world.ollama.add(world.file)
    async with world.open() as session:
        loaded = await session.load(world.model("toy"), LoadSettings(n_ctx=512, n_threads=1))
        with trio.fail_after(60):
            async with session.chat(loaded, ASK, {}) as replies:
                await anext(replies)
        with trio.CancelScope() as scope:
            async with session.chat(loaded, ASK, {}) as replies:
                await anext(replies)
                scope.cancel()
                await trio.lowlevel.checkpoint()
        assert scope.cancelled_caught
        assert await collected(session.chat(loaded, ASK, {"n_predict": 2}))


async def test_a_keep_alive_of_nothing_lasts_for_the_first_answer(fake):
    fake.ollama.add(fake.file)
    async with fake.open() as session:
        loaded = await session.load(fake.model("toy"), LoadSettings(keep_alive=0))
        assert await session.loaded()
        assert await collected(session.chat(loaded, ASK, {}))
        assert await session.loaded() == ()


async def test_a_cloud_model_is_not_asked_offline(fake):
    fake.ollama.add(fake.file, "cloudy")
    path = next((fake.ollama.models / "manifests").rglob("latest"))
    manifest = json.loads(path.read_text())
    about = fake.ollama.models / "blobs" / manifest["config"]["digest"].replace(":", "-")
    about.write_text(json.dumps(json.loads(about.read_text()) | {"remote_host": "https://ollama.com:443"}))
    async with fake.open(http=Http(offline=True)) as session:
        with pytest.raises(Offline, match="cloudy:latest is a cloud model"):
            await session.load(fake.model("cloudy"), LoadSettings())
    async with fake.open(http=Http()) as session:
        loaded = await session.load(fake.model("cloudy"), LoadSettings())
        assert (loaded.model, loaded.reference, loaded.memory) == ("toy", "cloudy:latest", None)
        assert await collected(session.chat(loaded, ASK, {"n_predict": 1}))
