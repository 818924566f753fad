"""The provider against a LocalAI that answers as the real one did."""

import errno
import json
import os
import socket
from functools import partial
from pathlib import Path

import pytest
import trio

from papin.errors import (
    Cancelled,
    Conflict,
    EngineMissing,
    LoadFailed,
    LoginRequired,
    NotFound,
    ProviderFailed,
    StorageFailed,
    TransferTimeout,
)
from papin.links import is_same_file
from papin.models import LoadSettings, Message
from papin.testing import make_context
from papin.testing.users import as_somebody_else, public_folder
from papin_localai.plugin import papin_providers

from .conftest import names_in, placed
from .fake_localai import WORDS, LocalAI

ASK = (Message(role="user", content="Why is the sky blue?"),)


def configure(root, name, **config):
    (root / f"{name}.yaml").write_text(json.dumps({"name": name, **config}))


async def test_it_tells_what_it_is(opened, server):
    async with opened(url=server.url) as session:
        engine = await session.engine()
    assert (engine.name, engine.version, engine.address) == ("LocalAI", "v4.5.5", server.url)


async def test_nothing_there_is_a_missing_engine(opened):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        async with opened(url=url) as session:
            with pytest.raises(EngineMissing):
                await session.engine()
            assert (await session.models()).is_present is False
            assert await session.loaded() == ()
            assert await session.unload("small") is False
            assert await session.unload("anything") is False


async def test_another_program_at_its_port_is_not_taken_for_it(opened, server, monkeypatch):
    monkeypatch.setattr(
        server.RequestHandlerClass, "get_well_known", lambda self, _: self.answer(200, {"version": "1"})
    )
    async with opened(url=server.url) as session:
        with pytest.raises(ProviderFailed, match="is not LocalAI"):
            await session.engine()


async def test_without_its_folder_it_is_asked_for_names(opened, server, root):
    configure(root, "a", parameters={"model": "a.gguf"})
    server.reload()
    async with opened(url=server.url) as session:
        listing = await session.models()
    assert [(each.reference, each.files) for each in listing.models] == [("a", ())]


async def test_a_key_is_sent_and_a_wrong_one_is_said(opened, root):
    with LocalAI(root, key="s3cret") as server:
        async with opened(url=server.url, key="s3cret") as session:
            assert (await session.models()).models == ()
        async with opened(url=server.url, key="wrong") as session:
            with pytest.raises(LoginRequired) as caught:
                await session.loaded()
    assert "wrong" not in str(caught.value.problem())


# --- memory and answers


async def test_what_it_has_is_loaded_answers_and_is_unloaded(opened, server, root, model):
    configure(root, "small", parameters={"model": "x.gguf"})
    server.reload()
    async with opened(url=server.url) as session:
        loaded = await session.load(placed(model, "small"), LoadSettings())
        assert (loaded.model, loaded.reference, loaded.provider) == ("small", "small", "localai")
        assert [each.reference for each in await session.loaded()] == ["small"]
        async with session.chat(loaded, ASK, {"n_predict": 8}) as replies:
            said = [reply async for reply in replies]
        assert "".join(reply.text for reply in said) == "".join(WORDS)
        assert said[-1].finish_reason == "stop"
        async with session.complete(loaded, "The", {}) as replies:
            assert "".join([reply.text async for reply in replies]) == "".join(WORDS)
        assert (await session.embed(loaded, ["a", "bc"])).vectors == ((1.0, 1.0), (2.0, 1.0))
        assert await session.unload("small") is True
        assert await session.unload("small") is False


async def test_a_version_without_a_route_for_it_loads_at_the_first_request(opened, root, model):
    configure(root, "small", parameters={"model": "x.gguf"})
    with LocalAI(root, older=True) as server:
        async with opened(url=server.url) as session:
            await session.load(placed(model, "small"), LoadSettings())
            assert server.loaded == {"small"}


async def test_a_model_that_it_does_not_have_has_to_be_shared_first(opened, server, model):
    async with opened(url=server.url) as session:
        with pytest.raises(NotFound) as caught:
            await session.load(model, LoadSettings())
    assert "papin models share small --with localai" in caught.value.next_step


async def test_a_model_that_it_cannot_load_is_told_with_its_words(opened, server, root, model):
    configure(root, "small", parameters={"model": "x.gguf"})
    server.reload()
    server.refuses_to_load = "backend not found: llama-cpp"
    async with opened(url=server.url) as session:
        with pytest.raises(LoadFailed, match="backend not found"):
            await session.load(placed(model, "small"), LoadSettings())


# --- installing


RUNNING = {
    "processed": False,
    "message": "downloading",
    "phase": "downloading",
    "current_bytes": 10,
    "total_bytes": 100,
}
DONE = {"processed": True, "message": "completed", "progress": 100}


async def pull(session, reference="localai@tiny"):
    seen = []
    await session.pull(reference, seen.append)
    return seen


@pytest.mark.parametrize("older", [False, True])
async def test_it_installs_from_its_gallery_with_progress(opened, root, older):
    with LocalAI(root, older=older) as server:
        server.next_job = [RUNNING, {**RUNNING, "current_bytes": 5}, {**RUNNING, "current_bytes": 90}, DONE]
        async with opened(url=server.url) as session:
            seen = await pull(session)
    assert [progress.done for progress in seen] == [10, 10, 90]  # never back
    assert {progress.total for progress in seen} == {100}


async def test_a_job_that_failed_although_the_model_is_there_tells_both(opened, server):
    server.next_job = [{"processed": True, "error": "backend gallery could not be reached", "message": "error"}]
    async with opened(url=server.url) as session:
        with pytest.raises(ProviderFailed, match=r"is in LocalAI now, but .* backend gallery"):
            await pull(session)


async def test_a_job_that_failed_is_an_error(opened, server):
    server.next_job = [{"processed": False, "error": "no such model", "message": "error"}]
    async with opened(url=server.url) as session:
        with pytest.raises(ProviderFailed, match="could not install localai@tiny: no such model"):
            await pull(session)


@pytest.mark.parametrize("word", ["cancelled", "paused"])
async def test_what_somebody_else_ended_is_no_success(opened, server, word):
    server.next_job = [{"processed": True, "cancelled": True, "message": word}]
    async with opened(url=server.url) as session:
        with pytest.raises(Cancelled, match=word):
            await pull(session)


async def test_cancelling_ends_the_job_there_too(opened, server):
    server.next_job = [RUNNING]
    async with opened(url=server.url) as session:
        with trio.CancelScope() as scope:
            await session.pull("localai@tiny", lambda _: scope.cancel())
    assert scope.cancelled_caught
    assert server.cancelled == ["job-0"]


async def test_a_job_that_shows_no_progress_is_given_up(opened, server):
    server.next_job = [RUNNING]
    async with opened(url=server.url, patience=0.4) as session:
        with pytest.raises(TransferTimeout):
            await pull(session)


async def test_it_deletes_and_says_so_only_when_it_is_gone(opened, server, root):
    (root / "x.gguf").write_bytes(b"GGUF")
    configure(root, "a", parameters={"model": "x.gguf"})
    server.reload()
    async with opened(url=server.url) as session:
        await session.remove("a")
        with pytest.raises(NotFound):
            await session.remove("a")
    assert names_in(root) == []


# --- settings


async def test_what_its_configuration_says_in_other_types_is_left_out(opened, server, root):
    wrong = {"temperature": "hot", "top_k": True, "top_p": None, "min_p": 1, "seed": [7], "repeat_penalty": 1.1}
    configure(root, "a", parameters={"model": "x.gguf", **wrong}, context_size="lots", stopwords=["<|end|>", "User:"])
    server.reload()
    async with opened(url=server.url) as session:
        assert await session.settings("a") == {"min_p": 1.0, "repeat_penalty": 1.1}
        assert (await session.show("a")).parameters["stop"] == "<|end|>, User:"


async def test_settings_are_papins_words_for_its_configuration(opened, server, root):
    configure(root, "a", parameters={"model": "x.gguf", "temperature": 0.5}, context_size=2048)
    server.reload()
    server.loaded.add("a")
    async with opened(url=server.url) as session:
        assert await session.settings("a") == {"n_ctx": 2048, "temperature": 0.5}
        await session.configure("a", {"n_ctx": 4096, "temperature": None, "system_prompt": "Be kind."})
        assert await session.settings("a") == {"n_ctx": 4096, "system_prompt": "Be kind."}
        assert (await session.show("a")).system_prompt == "Be kind."
        assert server.loaded == set()  # so that it counts from now on
        with pytest.raises(NotFound):
            await session.configure("nobody", {"n_ctx": 1})
        with pytest.raises(NotFound):
            await session.show("../../etc/passwd")


# --- sharing


async def test_sharing_stores_nothing_again_and_is_taken_back(opened, server, root, model, payload):
    async with opened(url=server.url, models=str(root)) as session:
        placement = await session.share(model, [payload], name="", copy=False)
        assert (placement.reference, placement.how) == ("small", "hardlink")
        assert payload.stat().st_nlink == 2
        assert server.listed == ["small"]
        assert await session.share(model, [payload], name="", copy=False) == placement  # twice is once
        (listed,) = (await session.models()).models
        assert is_same_file(payload, Path(listed.files[0].path))
        await session.unshare("small")
        await session.unshare("small")
    assert payload.stat().st_nlink == 1
    assert names_in(root) == []
    assert server.listed == []


async def test_a_model_of_that_name_is_left_alone(opened, server, root, model, payload):
    configure(root, "small", parameters={"model": "x.gguf"})
    async with opened(url=server.url, models=str(root)) as session:
        with pytest.raises(Conflict):
            await session.share(model, [payload], name="", copy=False)
        await session.unshare("small")
    assert names_in(root) == ["small.yaml"]


async def test_a_folder_that_it_does_not_use_is_noticed(opened, server, tmp_path, model, payload):
    other = tmp_path / "other"
    other.mkdir()
    async with opened(url=server.url, models=str(other)) as session:
        with pytest.raises(ProviderFailed, match="does not list small"):
            await session.share(model, [payload], name="", copy=False)
    assert names_in(other) == []


async def test_without_its_folder_nothing_is_shared(opened, server, model, payload):
    async with opened(url=server.url) as session:
        with pytest.raises(StorageFailed, match="does not know the folder"):
            await session.share(model, [payload], name="", copy=False)


async def test_a_folder_that_cannot_be_written_is_said_and_left_as_it_was(
    opened, server, root, model, payload, monkeypatch
):
    def refuse(*_, **__):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("papin_localai._share._write", refuse)
    async with opened(url=server.url, models=str(root)) as session:
        with pytest.raises(StorageFailed, match="cannot be written"):
            await session.share(model, [payload], name="", copy=False)
    assert names_in(root) == []


async def test_it_can_be_shared_while_it_does_not_run(opened, root, model, payload):
    async with opened(url="http://127.0.0.1:9", models=str(root)) as session:
        placement = await session.share(model, [payload], name="mine", copy=False)
    assert placement.reference == "mine"
    assert (root / "mine.yaml").exists()


def test_what_a_folder_of_somebody_else_holds_is_told_by_localai_and_is_here():
    (provider,) = papin_providers()
    with public_folder() as base:
        root = base / "models"
        root.mkdir()
        (root / "mine.yaml").write_text(json.dumps({"name": "mine", "parameters": {"model": "m.gguf"}}))
        (root / "m.gguf").write_bytes(b"GGUF")
        with LocalAI(root) as server:

            async def look(url=server.url):
                async with provider.open(make_context(provider, base / "own", url=url, models=str(root))) as session:
                    try:
                        listing = await session.models()
                    except StorageFailed as error:
                        return [error.next_step, ""]
                return [[each.reference for each in listing.models], listing.unreadable]

            gone = partial(look, "http://127.0.0.1:1")
            for work in (look, gone):
                assert trio.run(work) == [["mine"], ""]  # and everything is imported
            root.chmod(0o711)
            try:
                assert as_somebody_else(lambda: trio.run(look)) == [["mine"], str(root)]
                assert as_somebody_else(lambda: trio.run(gone))[0].startswith("Start LocalAI")
            finally:
                root.chmod(0o755)
