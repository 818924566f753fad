"""A router of llama-server, through a fake one that refuses what the real one refuses."""

import msgspec
import pytest
import trio

from papin.errors import EngineMissing, LoadFailed, LoginRequired, NotFound, ProviderFailed
from papin.events import ModelLoaded, ModelLoadFailed, ModelLoading, ModelUnloaded
from papin.models import LoadSettings
from papin.providers import capabilities
from papin.testing.users import as_somebody_else, public_folder

from .conftest import ASK, text_of
from .servers import fake_router, model_of, toy


@pytest.fixture
def router(tmp_path):
    toy(tmp_path, "toy")
    with fake_router(tmp_path) as running:
        yield running


async def tell(router, path, **body):
    """Ask the router for something, as somebody else than papin does."""
    async with router.context().http.client(router.address, token="s3cret") as client:
        answer = await client.request("POST", path, json=body)
        assert answer.is_success, answer.body


async def following(session):
    """Wait until the session is told what happens."""
    await session.engine()
    with trio.fail_after(60):
        while not session._watch.is_following:
            await trio.lowlevel.checkpoint()


async def seen(router, *kinds):
    """Wait until events of these kinds were published, in this order."""
    with trio.fail_after(60):
        while [type(each) for each in router.events] != list(kinds):
            await trio.lowlevel.checkpoint()


async def test_it_says_what_it_is(router):
    async with router.open() as session:
        engine = await session.engine()
        assert (engine.name, engine.version, engine.address) == ("llama-server (router)", "b0-fake", router.address)
        assert {"reports", "lists", "loads", "chats", "completes", "embeds"} <= set(capabilities(session))


async def test_it_keeps_settings(router):
    async with router.open() as session:
        assert await session.fixed("toy") == ""


async def test_it_tells_how_many_requests_each_model_answers(router, tmp_path):
    toy(tmp_path, "busy", '{"answering": 2}')
    async with router.open() as session:
        await session._server.models(reload=True)
        for name in ("busy", "toy"):
            await session.load(model_of(name), LoadSettings())
        assert {each.reference: each.answering for each in await session.loaded()} == {"busy": 2, "toy": 0}


async def test_one_that_does_not_tell_what_it_answers(tmp_path):
    toy(tmp_path, "toy", '{"answering": 2}')
    with fake_router(tmp_path, "--old") as router:
        async with router.open() as session:
            await session.load(model_of("toy"), LoadSettings())
            assert [each.answering for each in await session.loaded()] == [None]


async def test_its_models_are_listed_with_their_files(router, tmp_path):
    parts = tmp_path / "models" / "big"
    parts.mkdir()
    for name in ("big-00001-of-00002.gguf", "big-00002-of-00002.gguf", "mmproj-F16.gguf"):
        (parts / name).write_text("{}")
    (tmp_path / "models" / "flat-7B-Q4_K_M.gguf").write_text("{}  ")
    async with router.open() as session:
        await session._server.models(reload=True)
        listing = await session.models()
        assert listing.is_present
        found = {each.reference: each for each in listing.models}
    assert set(found) == {"toy", "big", "flat-7B-Q4_K_M"}
    assert [file.path for file in found["toy"].files] == [str(tmp_path / "models" / "toy" / "toy.gguf")]
    assert [(file.name, file.role) for file in found["big"].files] == [
        ("big-00001-of-00002.gguf", "weights"),
        ("big-00002-of-00002.gguf", "weights"),
        ("mmproj-F16.gguf", "mmproj"),
    ]
    assert (found["big"].size, found["flat-7B-Q4_K_M"].size) == (6, 4)
    assert (found["flat-7B-Q4_K_M"].quantization, found["flat-7B-Q4_K_M"].parameters) == ("Q4_K_M", 7_000_000_000)


async def test_load_answer_unload(router, tmp_path):
    async with router.open() as session:
        loaded = await session.load(model_of("toy"), LoadSettings())
        assert (loaded.model, loaded.reference, loaded.n_ctx) == ("toy", "toy", 512)
        assert await session.load(model_of("toy"), LoadSettings()) == loaded
        assert await session.loaded() == [msgspec.structs.replace(loaded, answering=0)]
        replies = await text_of(session, loaded, n_predict=2)
        assert "".join(each.text for each in replies) == "Light is"
        assert replies[-1].timings.predicted_n == 2
        async with session.complete(loaded, "Light", {}) as answer:
            assert "".join([each.text async for each in answer]) == "Light is scattered."
        assert (await session.embed(loaded, ["a", "bcd"])).vectors == ((1.0, 1.0), (3.0, 1.0))
        assert await session.unload("toy") is True
        assert await session.unload("toy") is False
        assert await session.loaded() == []
    assert router.events == [], "who asked knows"


async def test_what_others_do_is_told_once(router):
    async with router.open() as session:
        await following(session)
        await tell(router, "/models/load", model="toy")
        await seen(router, ModelLoading, ModelLoaded)
        await tell(router, "/models/unload", model="toy")
        await seen(router, ModelLoading, ModelLoaded, ModelUnloaded)
    assert router.events[-1] == ModelUnloaded(model="toy", provider="llama-server", reason="asked")


async def test_events_name_models_by_papins_ids(router):
    async with router.open() as session:
        model = model_of("other-name", placements=())
        session._watch.ids["toy"] = model.id
        await following(session)
        await tell(router, "/models/load", model="toy")
        await seen(router, ModelLoading, ModelLoaded)
    assert {each.model for each in router.events} == {"other-name"}


@pytest.mark.parametrize(("how", "status"), [("refuse", "1"), ("crash", "-11")])
async def test_a_model_that_cannot_be_loaded(router, tmp_path, how, status):
    toy(tmp_path, "bad", f'{{"load": "{how}"}}')
    async with router.open() as session:
        await session._server.models(reload=True)
        for _ in range(2):  # a failure of before is not taken for that of this time
            with pytest.raises(LoadFailed, match=f"bad ended with status {status}"):
                await session.load(model_of("bad"), LoadSettings())
        assert await session.loaded() == []
    assert router.events == []


async def test_a_failure_that_nobody_here_asked_for_is_told(router, tmp_path):
    toy(tmp_path, "bad", '{"load": "refuse"}')
    async with router.open() as session:
        await session._server.models(reload=True)
        await following(session)
        await tell(router, "/models/load", model="bad")
        await seen(router, ModelLoading, ModelLoadFailed)
    assert router.events[-1].problem.code == "ERR_LOAD"


async def test_a_load_can_be_cancelled_and_unloaded(router, tmp_path):
    toy(tmp_path, "slow", '{"load": "hang"}')
    async with router.open() as session:
        await session._server.models(reload=True)
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(session.load, model_of("slow"), LoadSettings())
                while (await session._router.listed("slow")).status.value != "loading":
                    await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel()
            assert await session.unload("slow") is True


async def test_a_model_that_it_does_not_have(router):
    async with router.open() as session:
        with pytest.raises(NotFound) as caught:
            await session.load(model_of("tay"), LoadSettings())
    assert "it has toy" in caught.value.message
    assert "papin models share tay --with llama-server" in caught.value.next_step


async def test_a_wrong_key(router):
    async with router.open(key="wrong") as session:
        for ask in (session.engine, session.models, session.loaded):
            with pytest.raises(LoginRequired, match="Invalid API Key") as caught:
                await ask()
            assert "wrong" not in caught.value.message + caught.value.next_step


async def test_nothing_there(tmp_path, router):
    async with router.open(url="http://127.0.0.1:1") as session:
        with pytest.raises(EngineMissing, match="no llama-server answers"):
            await session.engine()
        assert (await session.models()).is_present is False
        assert await session.loaded() == []
        assert await session.unload("toy") is False
        with pytest.raises(EngineMissing):
            await session.load(model_of("toy"), LoadSettings())


async def test_an_older_one_without_events(tmp_path):
    toy(tmp_path, "toy")
    with fake_router(tmp_path, "--old") as router:
        async with router.open() as session:
            loaded = await session.load(model_of("toy"), LoadSettings())
            assert await text_of(session, loaded)
            assert await session.unload("toy") is True


async def test_a_model_that_sleeps_is_not_in_memory_and_answers(tmp_path):
    toy(tmp_path, "toy")
    with fake_router(tmp_path, "--sleeps") as router:
        async with router.open() as session:
            await following(session)
            loaded = await session.load(model_of("toy"), LoadSettings())
            assert await text_of(session, loaded)
            await seen(router, ModelUnloaded)
            assert await session.loaded() == []
    assert router.events[-1].reason == "idle"


async def test_a_router_that_dies_is_missing_and_found_again(tmp_path):
    toy(tmp_path, "toy")
    with fake_router(tmp_path) as router:
        port = router.address.rpartition(":")[2]
        async with router.open() as session:
            await following(session)
            await session.load(model_of("toy"), LoadSettings())
            router.stop()
            await seen(router, ModelUnloaded)
            assert router.events[-1].reason == "gone"
    async with router.open() as session:
        assert (await session.models()).is_present is False
        with fake_router(tmp_path, "--port", port):
            assert (await session.load(model_of("toy"), LoadSettings())).model == "toy"


async def test_answers_to_a_model_that_was_unloaded_meanwhile_are_errors(router):
    async with router.open() as session:
        loaded = await session.load(model_of("toy"), LoadSettings())
        await tell(router, "/models/unload", model="toy")
        with pytest.raises(ProviderFailed, match="not loaded"):
            async with session.chat(loaded, ASK, {}) as replies:
                await anext(replies)


def test_a_model_in_a_folder_of_somebody_else_is_here():
    with public_folder() as folder:
        toy(folder, "toy")
        theirs = toy(folder, "theirs").parent
        with fake_router(folder) as router:

            async def look():
                async with router.open() as session:
                    listing = await session.models()
                return [{each.reference: bool(each.files[0].path) for each in listing.models}, listing.unreadable]

            assert trio.run(look) == [{"theirs": True, "toy": True}, ""]  # and everything is imported
            theirs.chmod(0o000)
            try:
                found = as_somebody_else(lambda: trio.run(look))
            finally:
                theirs.chmod(0o755)
        assert found == [{"theirs": False, "toy": True}, str(theirs)]
