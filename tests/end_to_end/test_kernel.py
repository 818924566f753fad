"""The operations with the real plugins: what is imported, shared, edited, removed, damaged, rebuilt."""

import shutil
import struct

import pytest
import trio

from papin.errors import Conflict, FormatInvalid, NameInvalid, NotFound
from papin.kernel import open_kernel
from papin.policies import Cleanup
from papin.testing.samples import tiny_gguf


async def installed(kernel, path, name=None):
    job = await kernel.downloads.import_file(path, name=name)
    return await kernel.models.show((await kernel.downloads.wait(job.id)).model)


def blobs(home):
    return sorted(path.name for path in (home / "data/storages/store/blobs").rglob("*") if path.is_file())


async def test_an_import_is_recorded_readable_and_stored_once(environ, home, tiny):
    async with open_kernel(environ=environ) as kernel:
        model = await installed(kernel, tiny)
        assert (model.id, model.format, model.architecture, model.size) == (
            "tiny",
            "gguf",
            "llama",
            tiny.stat().st_size,
        )
        again = await installed(kernel, tiny)
        assert again.id == "tiny"
        twin = await installed(kernel, tiny, name="twin")
        assert twin.id == "twin"
        assert len(blobs(home)) == 1
        readable = home / "data/storages/store/by-name/twin/tiny.gguf"
        assert readable.read_bytes() == tiny.read_bytes()
        assert [each.id for each in await kernel.models.list()] == ["tiny", "twin"]


async def test_removing_one_of_two_keeps_what_they_share(environ, home, tiny, tmp_path):
    copy = tmp_path / "copy.gguf"
    shutil.copyfile(tiny, copy)
    async with open_kernel(environ=environ) as kernel:
        await installed(kernel, copy, name="one")
        await installed(kernel, copy, name="two")
        copy.unlink()
        plan = await kernel.models.plan_removal("one")
        assert (plan.frees, plan.keeps[0].reason) == (0, "two uses it too")
        await kernel.models.remove("one")
        assert len(blobs(home)) == 1
        plan = await kernel.models.remove("two")
        assert plan.frees == tiny.stat().st_size
        assert blobs(home) == []
        assert not list((home / "data/storages/store/models").iterdir())
        with pytest.raises(NotFound):
            await kernel.models.show("two")


async def test_a_taken_name_is_refused_before_anything_is_stored(environ, home, tiny, tmp_path):
    other = tmp_path / "other.gguf"
    other.write_bytes(tiny_gguf(1))
    async with open_kernel(environ=environ) as kernel:
        await installed(kernel, tiny, name="mine")
        with pytest.raises(Conflict, match="mine"):
            await installed(kernel, other, name="mine")
        assert len(blobs(home)) == 1


@pytest.mark.parametrize("content", [b"", b"GGUF", b"<html>login</html>" * 100, tiny_gguf()[:-1], b"\0" * 5000])
async def test_a_file_that_is_no_model_leaves_nothing_behind(environ, home, tmp_path, content):
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(content)
    async with open_kernel(environ=environ) as kernel:
        with pytest.raises(FormatInvalid) as caught:
            await installed(kernel, bad)
        assert caught.value.next_step
        assert blobs(home) == []
        assert await kernel.models.list() == ()
        assert bad.read_bytes() == content


async def test_what_the_user_says_survives_a_lost_registry(environ, home, tiny, caplog):
    async with open_kernel(environ=environ) as kernel:
        await installed(kernel, tiny)
        await kernel.models.edit("tiny", favourite=True, add_tags=["work"], settings={"n_ctx": "512"})
    for file in (home / "data").glob("registry.db*"):
        file.write_bytes(b"damaged")
    async with open_kernel(environ=environ) as kernel:
        (model,) = await kernel.models.list()
        assert (model.id, model.favourite, model.tags, model.settings) == ("tiny", True, ("work",), {"n_ctx": 512})
        kinds = [type(each.event).__name__ for each in await kernel.journal.events()]
        assert "RegistryRebuilt" in kinds
    assert "made anew from what is stored: 1 model." in caplog.text
    assert list((home / "data").glob("registry.db.damaged-*"))


async def test_a_bad_setting_changes_nothing(environ, tiny):
    async with open_kernel(environ=environ) as kernel:
        await installed(kernel, tiny)
        with pytest.raises(NameInvalid):
            await kernel.models.edit("tiny", favourite=True, settings={"n_ctx": "many"})
        assert (await kernel.models.show("tiny")).favourite is False


async def test_settings_are_those_in_force_each_with_its_source(environ, tiny):
    async with open_kernel(environ=environ | {"PAPIN_PROVIDERS__LLAMACPP__N_CTX": "2048"}) as kernel:
        await installed(kernel, tiny)
        await kernel.models.edit("tiny", settings={"keep_alive": 9})
        view = await kernel.models.settings("tiny", provider="llamacpp")
        found = {each.name: (each.value, each.source) for each in view.settings}
    assert found["n_ctx"] == (2048, "provider")
    assert found["keep_alive"] == (9, "saved")
    assert found["temperature"] == (None, "engine")


async def test_what_a_file_says_of_sampling_is_the_models_default(environ, tiny):
    tiny.write_bytes(tiny_gguf(numbers={"general.sampling.temp": 0.6, "general.sampling.top_p": 0.95}))
    async with open_kernel(environ=environ) as kernel:
        await installed(kernel, tiny)
        await kernel.models.edit("tiny", settings={"top_p": 0.5})
        view = await kernel.models.settings("tiny", provider="llamacpp")
        found = {each.name: (each.value, each.source) for each in view.settings}
    assert found["temperature"] == (0.6, "model")
    assert found["top_p"] == (0.5, "saved")


async def test_verify_finds_a_flipped_bit(environ, home, tiny, tmp_path):
    copy = tmp_path / "copy.gguf"
    shutil.copyfile(tiny, copy)
    async with open_kernel(environ=environ) as kernel:
        await installed(kernel, copy, name="m")
        assert (await kernel.models.verify("m")).checks[0].outcome == "ok"
        blob = next((home / "data/storages/store/blobs").rglob(blobs(home)[0]))
        blob.chmod(0o600)
        data = bytearray(blob.read_bytes())
        data[-1] ^= 1
        blob.write_bytes(data)
        seen = []
        report = await kernel.models.verify("m", on_check=seen.append)
        assert report.passed is False
        assert seen == list(report.checks)
        assert report.checks[0].recommendation
        kinds = [type(each.event).__name__ for each in await kernel.journal.events()]
        assert "ModelDamaged" in kinds


async def test_another_kernel_sees_what_happens(environ, tiny):
    async with open_kernel(environ=environ) as one, open_kernel(environ=environ) as two, trio.open_nursery() as nursery:
        seen = []

        async def listen(*, task_status):
            follow = two.journal.follow(0)
            task_status.started()
            async for envelope in follow:
                seen.append(type(envelope.event).__name__)
                if seen[-1] == "DownloadCompleted":
                    await follow.aclose()
                    return

        await nursery.start(listen)
        await installed(one, tiny)
    assert [name for name in seen if name != "RegistryRebuilt"] == [
        "DownloadQueued", "DownloadStarted", "ModelInstalled", "DownloadCompleted"
    ]  # fmt: skip


async def test_an_error_in_the_body_arrives_as_itself(environ):
    with pytest.raises(NotFound):
        async with open_kernel(environ=environ) as kernel:
            await kernel.models.show("nothing")


async def test_cleanup_follows_the_policies_and_tells(environ, tiny, tmp_path):
    copy = tmp_path / "copy.gguf"
    shutil.copyfile(tiny, copy)
    environ["PAPIN_POLICIES__SPACE__KEEP_FREE"] = str(10**15)
    async with open_kernel(environ=environ) as kernel:
        await installed(kernel, copy, name="kept")
        await kernel.models.edit("kept", favourite=True)
        other = tmp_path / "gone.gguf"
        other.write_bytes(tiny_gguf(2))
        await installed(kernel, other)
        other.unlink()
        removals = await kernel.storage.plan_cleanup()
        assert [each.model for each in removals] == ["gone"]
        assert removals[0].reason
        done = await kernel.storage.cleanup(removals)
        assert (done.removed, done.left) == (removals, ())
        assert done.freed > 0
        assert await kernel.storage.cleanup(removals) == Cleanup()  # what went meanwhile is passed over
        assert [each.id for each in await kernel.models.list()] == ["kept"]


def shard(number, count, tensors):
    """Return a part of a split GGUF model: the real writer's three keys, and one tensor."""
    text = tiny_gguf(number)
    keys = [("split.no", number), ("split.count", count), ("split.tensors.count", tensors)]
    extra = b"".join(
        struct.pack("<Q", len(key)) + key.encode() + struct.pack("<IH", 2, value) for key, value in keys[:2]
    )
    extra += struct.pack("<Q", len(keys[2][0])) + keys[2][0].encode() + struct.pack("<Ii", 5, tensors)
    head, body = text[:24], text[24:]
    pairs_end = body.index(struct.pack("<Q", len("token_embd.weight")) + b"token_embd.weight")
    name = f"blk.{number}.weight"
    tensor = struct.pack("<Q", len(name)) + name.encode() + struct.pack("<IQIQ", 1, 1024, 0, 0)
    made = head[:16] + struct.pack("<Q", 5) + body[:pairs_end] + extra + tensor
    return made + bytes(-len(made) % 32) + bytes(4096)


async def test_the_parts_of_a_split_model_are_one_model(environ, tmp_path):
    for number in (1, 2):
        (tmp_path / f"m-0000{number}-of-00002.gguf").write_bytes(shard(number - 1, 2, 2))
    async with open_kernel(environ=environ) as kernel:
        model = await installed(kernel, tmp_path / "m-00002-of-00002.gguf")
        assert model.id == "m"
        assert [file.name for file in model.files] == ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"]


async def test_a_missing_or_foreign_part_is_named(environ, home, tmp_path):
    (tmp_path / "m-00001-of-00002.gguf").write_bytes(shard(0, 2, 2))
    async with open_kernel(environ=environ) as kernel:
        with pytest.raises(NotFound, match=r"m-00002-of-00002\.gguf"):
            await installed(kernel, tmp_path / "m-00001-of-00002.gguf")
        (tmp_path / "m-00002-of-00002.gguf").write_bytes(shard(0, 2, 2))
        with pytest.raises(FormatInvalid):
            await installed(kernel, tmp_path / "m-00001-of-00002.gguf")
        assert blobs(home) == []
