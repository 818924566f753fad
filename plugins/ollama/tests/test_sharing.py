"""One payload for papin and Ollama: shared both ways, checked, taken back."""

import json

import pytest
import trio

from papin.errors import Conflict, EngineMissing, FormatInvalid, NameInvalid, ProviderFailed, StorageFailed
from papin.models import LoadSettings, Message, Model, StoredFile
from papin_ollama._templates import template_for

from .conftest import digest_of
from .gguf_file import CHATML, gguf

PHI = "{{ '<|' + message['role'] + '|>' }}<|user|><|end|><|assistant|>"


def blobs(world):
    return {path.name: path.stat().st_size for path in (world.ollama.models / "blobs").iterdir()}


def manifests(world):
    return sorted(str(path.relative_to(world.ollama.models)) for path in (world.ollama.models / "manifests").rglob("*"))


def blob(world):
    return world.ollama.models / "blobs" / f"sha256-{world.digest}"


def shown(world, name):
    return json.loads(world.ollama.post("/api/show", {"model": name}))


def small(world):
    """Return the bytes that the store has besides the weights."""
    return sum(size for name, size in blobs(world).items() if name != blob(world).name)


async def share(session, world, name="", *, copy=False, model=None):
    return await session.share(model or world.model(), [world.file], name=name, copy=copy)


async def test_a_shared_model_is_one_file_and_answers(world):
    async with world.open() as session:
        placed = await share(session, world)
        assert (placed.provider, placed.reference, placed.how) == ("ollama", "toy:latest", "hardlink")
        assert blob(world).samefile(world.file)
        assert small(world) < 64 << 10
        assert [each["name"] for each in world.ollama.get("/api/tags")["models"]] == ["toy:latest"]
        told = shown(world, "toy")
        assert "<|im_start|>" in told["template"]
        assert "<|im_end|>" in told["parameters"]
        loaded = await session.load(world.model("toy:latest"), LoadSettings(n_ctx=512, n_threads=1))
        ask = [Message(role="user", content="What is the capital of France?")]
        async with session.chat(loaded, ask, {"n_predict": 8, "temperature": 0}) as replies:
            assert "Paris" in "".join([reply.text async for reply in replies])
        await session.unload("toy")
        await session.unshare("toy:latest")
    assert (blobs(world), manifests(world)) == ({}, [])
    assert world.file.stat().st_nlink == world.links
    assert world.ollama.get("/api/tags")["models"] == []


async def test_without_a_running_ollama_it_is_shared_by_the_manifest(world):
    async with world.open(url="127.0.0.1:1") as session:
        placed = await share(session, world, "mine/toy:small")
    assert (placed.reference, placed.how) == ("mine/toy:small", "hardlink")
    assert blob(world).samefile(world.file)
    told = shown(world, "mine/toy:small")
    assert told["template"] == template_for(CHATML).text
    assert "<|im_end|>" in told["parameters"]
    assert told["details"]["family"] == "llama"
    assert told["details"]["parameter_size"] == "134.52M"
    async with world.open() as session:
        (listed,) = (await session.models()).models
        assert (listed.reference, listed.state, listed.quantization) == ("mine/toy:small", "ready", "Q4_1")
        await session.unshare("mine/toy:small")
    assert (blobs(world), manifests(world)) == ({}, [])


async def test_sharing_twice_is_sharing_once(world):
    async with world.open() as session:
        first = await share(session, world)
        before = blobs(world), manifests(world)
        assert await share(session, world) == first
        assert await share(session, world, "TOY") == first
        assert (blobs(world), manifests(world)) == before
        await session.unshare("toy")
        await session.unshare("toy")
    assert (blobs(world), manifests(world)) == ({}, [])


async def test_a_version_that_writes_files_anew_is_shared_by_the_manifest(fake):
    fake.ollama.behave(create="rewrite")
    async with fake.open() as session:
        placed = await share(session, fake)
    assert placed.how == "hardlink"
    assert blob(fake).samefile(fake.file)
    assert small(fake) < 64 << 10
    assert shown(fake, "toy")["template"] == template_for(CHATML).text


@pytest.mark.parametrize("how", ["refuse", "fail"])
async def test_what_the_api_refuses_is_shared_by_the_manifest(fake, how):
    fake.ollama.behave(create=how)
    async with fake.open() as session:
        await share(session, fake)
    assert blob(fake).samefile(fake.file)


@pytest.mark.parametrize("template", [CHATML, PHI])
async def test_a_template_that_ollama_does_not_find_is_papins(fake, template):
    fake.file.write_bytes(gguf(template=template, filling=b"x"))
    fake.digest = digest_of(fake.file)
    fake.ollama.behave(create="plain")
    async with fake.open() as session:
        await share(session, fake)
    told = shown(fake, "toy")
    assert told["template"] == template_for(template).text
    assert template_for(template).stop[0] in told["parameters"]


async def test_a_name_that_is_taken_is_a_conflict(world):
    other = gguf(filling=b"other") if world.ollama.is_fake else world.file.read_bytes()
    async with world.open() as session:
        if world.ollama.is_fake:
            world.ollama.add(other, "toy")
            before = blobs(world), manifests(world)
            with pytest.raises(Conflict, match="another model called toy:latest"):
                await share(session, world)
            assert (blobs(world), manifests(world)) == before
        else:
            world.ollama.add(other, "toy")
            assert (await share(session, world)).how == "copy"  # the same model, with a file of its own


async def test_a_model_that_ollama_has_already_is_not_made_again_nor_taken_away(world):
    world.ollama.add(world.file.read_bytes(), "toy")
    before = blobs(world), manifests(world)
    async with world.open() as session:
        placed = await share(session, world)
        assert (placed.reference, placed.how) == ("toy:latest", "copy")
        await session.unshare("toy")
        assert (blobs(world), manifests(world)) == before
        with pytest.raises(Conflict, match="did not share"):
            await session.unshare("toy")
    assert (blobs(world), manifests(world)) == before


async def test_weights_that_another_model_has_stay(world):
    async with world.open() as session:
        await share(session, world)
        world.ollama.post("/api/copy", {"source": "toy", "destination": "copied"})
        await session.unshare("toy")
        assert blob(world).samefile(world.file)
        assert [each["name"] for each in world.ollama.get("/api/tags")["models"]] == ["copied:latest"]


async def test_a_model_that_was_removed_in_ollama_leaves_papins_file(world):
    async with world.open() as session:
        await share(session, world)
        await session.remove("toy")
        assert not blob(world).exists()
        assert digest_of(world.file) == world.digest
        await session.unshare("toy")
    assert (blobs(world), manifests(world)) == ({}, [])


async def test_a_name_that_is_another_model_by_now_stays(fake):
    async with fake.open() as session:
        await share(session, fake)
        other = fake.ollama.add(gguf(filling=b"other"), "toy")
        await session.unshare("toy")
    assert f"sha256-{other}" in blobs(fake)
    assert blob(fake).name not in blobs(fake)
    assert len(fake.ollama.get("/api/tags")["models"]) == 1


async def test_another_file_system_gets_a_symlink(fake, far):
    """Ollama opens its files by path, and removes only the link."""
    file = far / "toy.gguf"
    file.write_bytes(fake.file.read_bytes())
    async with fake.open() as session:
        placed = await session.share(fake.model(), [file], name="", copy=False)
        assert placed.how == "symlink"
        assert blob(fake).is_symlink()
        assert shown(fake, "toy")["details"]["family"] == "llama"
        await session.remove("toy")
    assert file.exists()


async def test_a_mmproj_is_a_projector(fake, tmp_path):
    vision = tmp_path / "mmproj.gguf"
    vision.write_bytes(gguf("clip", template="", filling=b"vision"))
    model = fake.model()
    digest = digest_of(vision)
    more = StoredFile(name="mmproj.gguf", sha256=digest, size=vision.stat().st_size, role="mmproj", format="gguf")
    model = Model(**{name: getattr(model, name) for name in model.__struct_fields__} | {"files": (*model.files, more)})
    async with fake.open(url="127.0.0.1:1") as session:
        await session.share(model, [fake.file, vision], name="seer", copy=False)
        (listed,) = (await session.models()).models
        assert [file.role for file in listed.files[:2]] == ["weights", "mmproj"]
        assert "vision" in listed.capabilities
        await session.unshare("seer")
    assert blobs(fake) == {}


async def test_parts_and_other_formats_are_refused(fake):
    model = fake.model()
    values = {name: getattr(model, name) for name in model.__struct_fields__}
    parts = Model(**values | {"files": model.files * 2})
    onnx = Model(**values | {"format": "onnx"})
    async with fake.open() as session:
        with pytest.raises(FormatInvalid, match="of 2 parts"):
            await session.share(parts, [fake.file, fake.file], name="", copy=False)
        with pytest.raises(FormatInvalid, match="format onnx"):
            await session.share(onnx, [fake.file], name="", copy=False)
        for name in ("../evil", "a/b/c/d", "x" * 200, "-rf", "a:b:c"):
            with pytest.raises(NameInvalid):
                await share(session, fake, name)
    assert (blobs(fake), manifests(fake)) == ({}, [])


async def test_a_damaged_blob_of_ollama_is_told(fake):
    blob(fake).write_bytes(b"short")
    async with fake.open() as session:
        with pytest.raises(StorageFailed, match="is damaged: it has 5 bytes"):
            await share(session, fake)
    assert blobs(fake) == {blob(fake).name: 5}


async def test_without_a_folder_or_an_ollama_nothing_is_shared(fake, tmp_path):
    async with fake.open(url="127.0.0.1:1", models=str(tmp_path / "none")) as session:
        with pytest.raises(EngineMissing):
            await share(session, fake)
    async with fake.open(models=str(tmp_path / "none")) as session:
        with pytest.raises(StorageFailed, match="in a folder that papin knows"):
            await share(session, fake)


async def test_a_folder_that_ollama_does_not_read_is_left_as_it_was(world, tmp_path):
    other = tmp_path / "other"
    (other / "blobs").mkdir(parents=True)
    async with world.open(models=str(other)) as session:
        with pytest.raises(StorageFailed, match="somewhere else than in"):
            await share(session, world)
    assert [path.name for path in other.rglob("*") if path.is_file()] == []
    assert (blobs(world), manifests(world)) == ({}, [])


async def test_a_failure_leaves_nothing(fake):
    """Neither way works: the file is no model at all."""
    fake.file.write_bytes(b"GGUF is what it is not")
    fake.digest = digest_of(fake.file)
    async with fake.open() as session:
        with pytest.raises(ProviderFailed):
            await share(session, fake)
    assert (blobs(fake), manifests(fake)) == ({}, [])
    assert fake.file.stat().st_nlink == 1


async def test_a_share_that_is_cancelled_leaves_nothing(fake):
    fake.ollama.behave(create="hang")
    with trio.move_on_after(30) as scope:
        async with fake.open() as session, trio.open_nursery() as nursery:

            async def cancel_when_linked():
                while not blob(fake).exists() or "POST /api/create" not in fake.ollama.get("/fake/state")["asked"]:
                    await trio.lowlevel.checkpoint()
                scope.cancel()

            nursery.start_soon(cancel_when_linked)
            await share(session, fake)
    assert scope.cancelled_caught
    assert (blobs(fake), manifests(fake)) == ({}, [])
    fake.ollama.behave()
    async with fake.open() as session:
        assert (await share(session, fake)).how == "hardlink"


async def test_an_ollama_elsewhere_gets_a_copy_where_that_is_allowed(world, tmp_path):
    async with world.open(models=str(tmp_path / "none")) as session:
        with pytest.raises(StorageFailed) as caught:
            await share(session, world)
        assert "--copy" in caught.value.next_step
        placed = await share(session, world, copy=True)
        assert (placed.reference, placed.how) == ("toy:latest", "copy")
        assert await share(session, world, copy=True) == placed
        assert blob(world).stat().st_size == world.file.stat().st_size
        assert not blob(world).samefile(world.file)
        assert "<|im_start|>" in shown(world, "toy")["template"]
        await session.unshare("toy")
        await session.unshare("toy")
    assert (blobs(world), manifests(world)) == ({}, [])


async def test_a_copy_that_is_written_anew_is_taken_back_too(fake, tmp_path):
    fake.ollama.behave(create="rewrite")
    async with fake.open(models=str(tmp_path / "none")) as session:
        await share(session, fake, copy=True)
        await session.unshare("toy")
    assert manifests(fake) == []


async def test_a_copy_does_not_replace_what_has_its_name(fake, tmp_path):
    other = fake.ollama.add(gguf(filling=b"other"), "toy")
    fake.ollama.add(fake.file.read_bytes(), "own")
    async with fake.open(models=str(tmp_path / "none")) as session:
        with pytest.raises(Conflict):
            await share(session, fake, copy=True)
        assert (await share(session, fake, "own", copy=True)).how == "copy"
        await session.unshare("own")
    assert f"sha256-{other}" in blobs(fake)
    assert sorted(each["name"] for each in fake.ollama.get("/api/tags")["models"]) == ["own:latest", "toy:latest"]


async def test_a_copy_that_ollama_refuses_leaves_no_model(fake, tmp_path):
    fake.ollama.behave(create="fail")
    async with fake.open(models=str(tmp_path / "none")) as session:
        with pytest.raises(ProviderFailed, match="unsupported content type"):
            await share(session, fake, copy=True)
    assert manifests(fake) == []
