"""A model's whole way: from a registry into papin, from there into Ollama, and back, with one payload all along."""

import hashlib
import json

import pytest

from papin.kernel import open_kernel
from papin.models import LoadSettings, Message

from .registry import TEMPLATE, Registry

pytest.importorskip("papin_store", reason="papin-store is not installed")
pytest.importorskip("papin_gguf", reason="papin-gguf is not installed")


@pytest.fixture
def registry():
    made = Registry(elsewhere="127.0.0.1")
    yield made
    made.close()


@pytest.fixture
def kernel(world, registry, tmp_path):
    """Open a kernel of this world: its home, the fake registry, and the Ollama."""
    environ = {
        "PAPIN_HOME": str(tmp_path / "papin"),
        "PAPIN_PROVIDERS__OLLAMA__URL": world.ollama.url,
        "PAPIN_PROVIDERS__OLLAMA__MODELS": str(world.ollama.models),
        "PAPIN_CATALOGS__OLLAMA__ENDPOINT": registry.url,
    }
    return lambda: open_kernel(environ=environ)


def payload(folder, sha256):
    return next(path for path in folder.rglob(f"*{sha256}*") if path.is_file())


def blob(world):
    return world.ollama.models / "blobs" / f"sha256-{world.digest}"


async def test_from_a_registry_through_papin_into_ollama(world, registry, kernel, tmp_path):
    weights = world.file.read_bytes()
    registry.add("library/toy", "small", weights)
    registry.cut_after = len(weights) // 2
    async with kernel() as open_one:
        job = await open_one.downloads.wait((await open_one.downloads.start("ollama:toy:small")).id)
        assert job.state == "completed", job.error
        model = await open_one.models.show(job.model)
        assert [file.role for file in model.files] == ["weights", *["sidecar"] * 4]
        assert registry.cut_after is None, "the download was not cut"
        began = [headers.get("Range", "bytes=0-") for _, path, headers in registry.asked if world.digest in path]
        assert any(not each.startswith("bytes=0-") for each in began), "it began anew after the cut"

        shared = await open_one.models.share(model.id, "ollama")
        assert [(each.provider, each.how) for each in shared.placements] == [("ollama", "hardlink")]
        reference = shared.placements[0].reference
        ours = payload(tmp_path / "papin", world.digest)
        assert blob(world).samefile(ours)
        told = json.loads(world.ollama.post("/api/show", {"model": reference}))
        assert told["template"].encode() == TEMPLATE
        published = json.loads(registry.manifests["library/toy", "small"])
        made = json.loads(next((world.ollama.models / "manifests").rglob("latest")).read_bytes())
        assert {each["digest"] for each in made["layers"]} == {each["digest"] for each in published["layers"]}
        assert made["config"] == published["config"]

        one_thread = LoadSettings(n_ctx=512, n_threads=1)
        loaded = await open_one.models.load(model.id, one_thread, provider="ollama")
        assert (loaded.model, loaded.reference) == (model.id, reference)
        ask = [Message(role="user", content="What is the capital of France?")]
        options = {"n_predict": 8, "temperature": 0}
        async with world.open() as session, session.chat(loaded, ask, options) as replies:
            assert "Paris" in "".join([reply.text async for reply in replies])
        assert await open_one.models.unload(model.id)

        world.ollama.delete(reference)
        assert not blob(world).exists()
        assert (await open_one.models.verify(model.id)).passed
        await open_one.models.share(model.id, "ollama", name="again")
        assert blob(world).samefile(ours)
        unshared = await open_one.models.unshare(model.id, "ollama")
        assert unshared.placements == ()
    assert list((world.ollama.models / "blobs").iterdir()) == []
    assert hashlib.sha256(ours.read_bytes()).hexdigest() == world.digest


async def test_from_ollama_into_papin_without_a_second_copy(world, kernel, tmp_path):
    world.ollama.add(world.file, "toy")
    async with kernel() as open_one:
        (listed,) = [each for each in await open_one.models.list() if each.id == "ollama:toy:latest"]
        assert listed.files[0].sha256 == world.digest
        job = await open_one.downloads.wait((await open_one.downloads.import_from("ollama", "toy:latest")).id)
        assert job.state == "completed", job.error
        model = await open_one.models.show(job.model)
        assert payload(tmp_path / "papin", world.digest).samefile(blob(world))
        world.ollama.delete("toy")
        shared = await open_one.models.share(model.id, "ollama", name="back")
        assert shared.placements[-1].how == "hardlink"
        told = json.loads(world.ollama.post("/api/show", {"model": "back"}))
        assert "<|im_start|>" in told["template"]
