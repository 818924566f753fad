"""Updates: told apart, brought in as jobs, taken back; the old version is there until the new one is verified."""

import os
from pathlib import Path

import msgspec
import pytest

from papin.events import ModelUpdateAvailable
from papin.kernel import open_kernel
from papin.library import open_library
from papin.testing.fault_scripts import flipped
from papin.testing.fault_server import fault_server
from papin.testing.samples import sha256_of, tiny_gguf

from .conftest import download, states, wanted

OLD, NEW = tiny_gguf(1), tiny_gguf(2)


@pytest.fixture
async def kernel(environ):
    async with open_kernel(environ=environ) as kernel:
        yield kernel


async def test_new_weights_come_in_and_what_the_user_said_stays(kernel, put):
    async with fault_server(OLD) as old, fault_server(NEW) as new:
        put("m", wanted("m.gguf", old.url, body=OLD), revision="a" * 40)
        await download(kernel, "shelf:m")
        await kernel.models.edit("m", favourite=True, add_tags=["mine"], settings={"n_ctx": 512})
        assert [each.outcome for each in await kernel.updates.check()] == ["same"]
        put("m", wanted("m.gguf", new.url, body=NEW), revision="b" * 40)
        (check,) = await kernel.updates.check(["m"])
        assert (check.outcome, check.update.weights, check.update.fetch) == ("weights", True, len(NEW))
        assert await kernel.updates.available() == (check.update,)
        assert old.sent == len(OLD)
        job = await kernel.updates.start("m")
        assert (await states(kernel, job))[-1].state == "completed"
        model = await kernel.models.show("m")
        assert (model.files[0].sha256, model.revision) == (sha256_of(NEW), "b" * 40)
        assert (model.favourite, model.tags, model.settings) == (True, ("mine",), {"n_ctx": 512})
        assert [each.id for each in await kernel.models.installed()] == ["m"]
        assert await kernel.updates.available() == ()
        assert (await kernel.models.verify("m")).checks[0].outcome == "ok"


def damage_index(home):
    (index,) = Path(home).rglob("catalogs.*.db")
    index.write_bytes(b"no database at all " * 1000)


async def test_what_a_check_found_is_read_without_a_kernel_and_without_the_index_nothing_is(environ, put):
    async with open_kernel(environ=environ) as kernel, fault_server(OLD) as old, fault_server(NEW) as new:
        put("m", wanted("m.gguf", old.url, body=OLD), revision="a" * 40)
        await download(kernel, "shelf:m")
        put("m", wanted("m.gguf", new.url, body=NEW), revision="b" * 40)
        (check,) = await kernel.updates.check()
    with open_library(environ) as library:
        assert library.updates() == (check.update,)
    damage_index(environ["PAPIN_HOME"])
    with open_library(environ) as library:
        assert library.updates() == ()
        assert library.model_ids() == ("m",)


async def test_an_update_is_told_once(kernel, put):
    async with fault_server(OLD) as old:
        put("m", wanted("m.gguf", old.url, body=OLD))
        await download(kernel, "shelf:m")
        put("m", wanted("m.gguf", old.url, body=NEW))
        await kernel.updates.check()
        await kernel.updates.check()
        told = [each.event for each in await kernel.journal.events() if isinstance(each.event, ModelUpdateAvailable)]
        assert told == [ModelUpdateAvailable(model="m", ref="shelf:m", weights=True, fetch=len(NEW))]


async def test_what_is_unchanged_is_not_fetched_again(kernel, put):
    template = b"{{ messages }}"
    async with fault_server(OLD) as weights, fault_server(template) as first, fault_server(template + b"!") as second:
        put("m", wanted("m.gguf", weights.url, body=OLD), wanted("t.jinja", first.url, body=template, role="sidecar"))
        await download(kernel, "shelf:m")
        changed = wanted("t.jinja", second.url, body=template + b"!", role="sidecar")
        put("m", wanted("m.gguf", weights.url, body=OLD), changed)
        (check,) = await kernel.updates.check()
        assert (check.outcome, check.update.fetch) == ("metadata", len(template) + 1)
        await states(kernel, await kernel.updates.start("m"))
        assert weights.sent == len(OLD)


@pytest.mark.parametrize(
    ("before", "after", "outcome"), [("a" * 40, "b" * 40, "same"), ("a" * 64, "b" * 64, "metadata")]
)
async def test_a_commit_that_touches_no_file_of_ours_is_none_but_a_manifest_is(kernel, put, before, after, outcome):
    async with fault_server(OLD) as server:
        put("m", wanted("m.gguf", server.url, body=OLD), revision=before)
        await download(kernel, "shelf:m")
        put("m", wanted("m.gguf", server.url, body=OLD), revision=after)
        (check,) = await kernel.updates.check()
        assert check.outcome == outcome
        if outcome == "metadata":
            assert check.update.fetch == 0
            await states(kernel, await kernel.updates.start("m"))
            assert [each.outcome for each in await kernel.updates.check()] == ["same"]


async def test_an_update_that_is_damaged_changes_nothing(kernel, put):
    async with fault_server(OLD) as old, fault_server(NEW, default=flipped(4000)) as bad:
        put("m", wanted("m.gguf", old.url, body=OLD))
        await download(kernel, "shelf:m")
        before = await kernel.models.show("m")
        put("m", wanted("m.gguf", bad.url, body=NEW))
        job = await kernel.updates.start("m")
        assert (await states(kernel, job))[-1].state == "failed"
        assert await kernel.models.show("m") == before
        assert (await kernel.models.verify("m")).checks[0].outcome == "ok"


async def test_rollback_goes_back_and_forth_and_keeps_what_the_user_said(kernel, put):
    async with fault_server(OLD) as old, fault_server(NEW) as new:
        put("m", wanted("m.gguf", old.url, body=OLD), revision="1")
        await download(kernel, "shelf:m")
        with pytest.raises(Exception, match="no other version"):
            await kernel.updates.rollback("m")
        put("m", wanted("m.gguf", new.url, body=NEW), revision="2")
        await states(kernel, await kernel.updates.start("m"))
        await kernel.models.edit("m", add_tags=["later"])
        back = await kernel.updates.rollback("m")
        assert (back.files[0].sha256, back.revision) == (sha256_of(OLD), "1")
        assert back.tags == ("later",)
        assert (await kernel.updates.rollback("m")).revision == "2"
        assert (old.sent, new.sent) == (len(OLD), len(NEW))


async def test_old_versions_go_after_as_many_days_as_configured(environ, home, put):
    home.mkdir()
    (home / "config.toml").write_text("keep_replaced_days = 0\n")
    async with open_kernel(environ=environ) as kernel, fault_server(OLD) as old, fault_server(NEW) as new:
        put("m", wanted("m.gguf", old.url, body=OLD))
        await download(kernel, "shelf:m")
        put("m", wanted("m.gguf", new.url, body=NEW))
        assert (await kernel.storage.account())[0].payloads == 1
        await states(kernel, await kernel.updates.start("m"))
        assert (await kernel.storage.account())[0].payloads == 1
        with pytest.raises(Exception, match="no other version"):
            await kernel.updates.rollback("m")


async def test_what_came_from_no_catalog_is_told_and_harms_nobody(kernel, put, tiny):
    async with fault_server(OLD) as old:
        put("m", wanted("m.gguf", old.url, body=OLD))
        await download(kernel, "shelf:m")
        await kernel.downloads.wait((await kernel.downloads.import_file(tiny, name="mine")).id)
        assert [each.model for each in await kernel.updates.check()] == ["m"]
        (check,) = await kernel.updates.check(["mine"])
        assert (check.outcome, check.problem.code) == ("unknown", "ERR_NOT_FOUND")


def test_the_commands(papin, put, tmp_path, environ):
    body, fresh = tmp_path / "old.gguf", tmp_path / "new.gguf"
    body.write_bytes(OLD)
    fresh.write_bytes(NEW)
    environ["PYTHONPATH"] = str(tmp_path / "site")

    def tell(path):
        file = wanted("m.gguf", body=path.read_bytes())
        source = {"kind": "file", "path": str(path)}
        put("m", msgspec.convert(msgspec.to_builtins(file) | {"sources": [source]}, type(file)))

    tell(body)
    papin("models", "download", "shelf:m", "--yes")
    assert "up to date" in papin("models", "update", "--check").stdout
    tell(fresh)
    assert "new weights" in papin("models", "update").stdout
    assert "papin models rollback m" in papin("models", "update", "m", "--yes").stdout
    assert "up to date" in papin("models", "update", "m").stdout
    assert "as it was before its last change" in papin("models", "rollback", "m").stdout
    assert '"outcome":"weights"' in papin("models", "update", "--check", "--json").stdout.replace(" ", "")
    papin("models", "update", "--all", "--yes")
    assert papin("models", "update", "m", "--all", status=2).stderr


async def test_a_file_of_a_folder_that_is_only_touched_is_no_update_and_one_of_its_size_is(kernel, tmp_path):
    folder = tmp_path / "team"
    folder.mkdir()
    file = folder / "lake-Q8_0.gguf"
    file.write_bytes(OLD)
    await kernel.catalogs.add("team", str(folder))
    await download(kernel, "team:lake")
    for _ in range(2):
        os.utime(file, ns=(0, file.stat().st_mtime_ns + 10**9))
        assert [each.outcome for each in await kernel.updates.check()] == ["same"]
    changed = bytearray(OLD)
    changed[-1] ^= 1
    file.unlink()
    file.write_bytes(changed)
    os.utime(file, ns=(0, 10**18))
    assert [each.outcome for each in await kernel.updates.check()] == ["weights"]
    await states(kernel, await kernel.updates.start("lake"))
    assert [each.outcome for each in await kernel.updates.check()] == ["same"]
    assert (await kernel.models.show("lake")).files[0].sha256 == sha256_of(bytes(changed))
