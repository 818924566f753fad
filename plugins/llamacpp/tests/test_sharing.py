"""papin's models and settings in a router's folders, with the fake router and with the real one."""

import os

import pytest
import trio
from msgspec.structs import replace

from papin.errors import Conflict, FormatInvalid, NotFound, ProviderFailed, StorageFailed
from papin.models import LoadSettings
from papin.testing.contexts import KnownFiles

from .conftest import text_of
from .servers import fake_router, model_of, real_server, toy


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.live)])
def router(request, tmp_path):
    (tmp_path / "presets.ini").touch()
    if request.param == "fake":
        with fake_router(tmp_path) as running:
            yield running
        return
    find_program = request.getfixturevalue("find_program")
    flags = ("--models-dir", str(tmp_path / "models"), "--models-preset", str(tmp_path / "presets.ini"))
    with real_server(find_program("llama-server"), tmp_path, *flags) as running:
        yield running


@pytest.fixture
def payload(request, router, tmp_path):
    """Return a model that the router can run, in papin's store."""
    path = tmp_path / "store" / "payload.gguf"
    path.parent.mkdir()
    if "real" in request.node.name:
        path.write_bytes(request.getfixturevalue("smollm2").read_bytes())
    else:
        path.write_text("{}")
    return path


def settings(router):
    return {"models_dir": str(router.models), "presets": str(router.presets)}


async def test_shared_answers_and_taken_back(router, payload):
    model = model_of("mine", payload)
    async with router.open(KnownFiles({"mine": [payload]}), **settings(router)) as session:
        placement = await session.share(model, [payload], name="", copy=False)
        assert (placement.provider, placement.reference) == ("llama-server", "mine")
        assert placement.how in {"reflink", "hardlink", "symlink"}
        assert await session.share(model, [payload], name="", copy=False) == placement
        shared = router.models / "mine" / "payload.gguf"
        if placement.how == "hardlink":
            assert payload.stat().st_nlink == 2
            assert os.path.samestat(shared.stat(), payload.stat())
        shown = await session.show("mine")
        assert (shown.reference, shown.template) == ("mine", "")
        assert shown.parameters["model"] == str(shared)
        with pytest.raises(NotFound):
            await session.show("nobody")
        loaded = await session.load(model, LoadSettings())
        assert loaded.model == "mine"
        assert "messages" in (await session.show("mine")).template
        assert (await session.show("mine")).metadata["n_params"] == 134515008
        assert await text_of(session, loaded, n_predict=2)
        async with session.complete(loaded, "Once upon a", {"ignore_eos": True}) as answer:
            await anext(answer)
            told = [each.answering for each in await session.loaded()]
            assert told == ([1] if payload.stat().st_size > len("{}") else [0])  # the fake one has answered by now
        assert await session.unload("mine") is True
        await session.unshare("mine")
        assert not shared.parent.exists()
        assert "mine" not in {each.reference for each in (await session.models()).models}
        await session.unshare("mine")
    assert payload.exists()


async def test_a_projector_gets_a_name_that_the_router_knows(router, payload, tmp_path):
    mmproj = tmp_path / "store" / "vision.gguf"
    mmproj.write_text("{}")
    model = model_of("seer", payload, mmproj)
    projector = replace(model.files[1], role="mmproj")
    model = replace(model, files=(model.files[0], projector))
    async with router.open(**settings(router)) as session:
        await session.share(model, [payload, mmproj], name="", copy=False)
        assert {each.name for each in (router.models / "seer").iterdir()} == {"payload.gguf", "mmproj-vision.gguf"}
        await session.unshare("seer")


async def test_settings_of_a_model_are_kept_in_the_presets(router, payload):
    model = model_of("mine", payload)
    async with router.open(**settings(router)) as session:
        await session.share(model, [payload], name="", copy=False)
        assert await session.settings("mine") == {}
        await session.configure("mine", {"n_ctx": 256, "temperature": 0.5, "flash_attn": False, "cache_type_k": "f16"})
        kept = {"n_ctx": 256, "temperature": 0.5, "flash_attn": False, "cache_type_k": "f16"}
        assert await session.settings("mine") == kept
        loaded = await session.load(model, LoadSettings())
        assert loaded.n_ctx == 256
        in_force = await session.settings("mine")
        assert in_force == in_force | kept | {"top_k": 40}  # which is llama.cpp's own choice
        await session.configure("mine", dict.fromkeys(kept))
        assert await session.settings("mine") == {}
        with pytest.raises(NotFound):
            await session.configure("nobody", {"n_ctx": 1})
        await session.configure("mine", {"n_ctx": 128})
        await session.unshare("mine")
        assert "mine" not in {each.reference for each in (await session.models()).models}
    assert "mine" not in router.presets.read_text()


async def test_what_it_did_not_fetch_it_does_not_remove(router, payload):
    async with router.open(**settings(router)) as session:
        await session.share(model_of("mine", payload), [payload], name="", copy=False)
        with pytest.raises(ProviderFailed, match="not in the router's cache"):
            await session.remove("mine")
        with pytest.raises(NotFound):
            await session.remove("nobody")


@pytest.fixture
def fake(tmp_path):
    toy(tmp_path, "toy")
    with fake_router(tmp_path) as running:
        yield running


async def test_presets_that_the_router_does_not_read(fake, tmp_path):
    async with fake.open(presets=str(tmp_path / "elsewhere.ini")) as session:
        with pytest.raises(ProviderFailed, match="does not read that file") as caught:
            await session.configure("toy", {"n_ctx": 100})
    assert "--models-preset" in caught.value.next_step


async def test_the_folder_is_found_out_from_what_the_router_lists(fake, tmp_path):
    payload = tmp_path / "payload.gguf"
    payload.write_text("{}")
    async with fake.open() as session:
        await session.share(model_of("mine", payload), [payload], name="other-name", copy=False)
        assert (tmp_path / "models" / "other-name" / "payload.gguf").exists()
        await session.unshare("other-name")


async def test_what_cannot_be_shared(fake, tmp_path):
    payload = tmp_path / "payload.gguf"
    payload.write_text("{}")
    model = model_of("mine", payload)
    (tmp_path / "models" / "flat.gguf").write_text("{}")
    async with fake.open() as session:
        with pytest.raises(Conflict):
            await session.share(model, [payload], name="flat", copy=False)
        with pytest.raises(StorageFailed):
            await session.share(model, [tmp_path / "gone.gguf"], name="", copy=False)
        assert not (tmp_path / "models" / "mine").exists()
        with pytest.raises(FormatInvalid, match="does not run onnx"):
            await session.share(replace(model, format="onnx"), [payload], name="", copy=False)
    async with fake.open(models_dir=str(tmp_path / "nowhere")) as session:
        with pytest.raises(StorageFailed, match="there is no folder"):
            await session.share(model, [payload], name="", copy=False)
    (tmp_path / "wrong").mkdir()
    async with fake.open(models_dir=str(tmp_path / "wrong")) as session:
        with pytest.raises(ProviderFailed, match="does not list"):
            await session.share(model, [payload], name="", copy=False)
    assert list((tmp_path / "wrong").iterdir()) == []


async def test_a_model_is_fetched_and_removed(fake):
    seen = []
    async with fake.open() as session:
        await session.pull("somebody/model:Q4_K_M", seen.append)
        assert "somebody/model:Q4_K_M" in {each.reference for each in (await session.models()).models}
        await session.pull("somebody/model:Q4_K_M", seen.append)
        await session.remove("somebody/model:Q4_K_M")
        assert "somebody/model:Q4_K_M" not in {each.reference for each in (await session.models()).models}
    assert all(each.phase == "downloading" for each in seen)


async def test_a_model_that_is_not_there_or_breaks_off(fake):
    async with fake.open() as session:
        with pytest.raises(NotFound, match="no nobody/model"):
            await session.pull("nobody/model", print)
        with pytest.raises(ProviderFailed, match=r"could not fetch|gave up"):
            await session.pull("broken/model", print)


async def test_a_fetch_can_be_cancelled(fake):
    began = trio.Event()
    async with fake.open() as session:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(session.pull, "slow/model", lambda _: began.set())
                with trio.fail_after(60):
                    await began.wait()
                scope.cancel()
        assert "slow/model" not in {each.reference for each in (await session.models()).models}


async def test_an_older_router_says_so(tmp_path):
    toy(tmp_path, "toy")
    with fake_router(tmp_path, "--old") as router:
        async with router.open() as session:
            for ask in (session.pull("a/b", print), session.remove("toy")):
                with pytest.raises(ProviderFailed, match="too old"):
                    await ask
