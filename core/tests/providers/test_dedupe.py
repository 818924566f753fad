"""Contents that exist twice: the second copy becomes a link, and nothing is lost."""

import os
import shutil
from pathlib import Path

import pytest
import trio

from papin._operations import _dedupe, _hashing
from papin.kernel import open_kernel
from papin.links import is_same_file

from_here = pytest.mark.usefixtures("small")


@pytest.fixture
def small(monkeypatch):
    """Small files are worth it here."""
    monkeypatch.setattr(_dedupe, "SMALLEST", 1)


async def install(kernel, path, name):
    job = await kernel.downloads.import_file(path, name=name)
    await kernel.downloads.wait(job.id)


@pytest.fixture
def original(tmp_path, tiny_gguf):
    path = tmp_path / "original.gguf"
    path.write_bytes(tiny_gguf(3))
    return path


async def twice(folders, kernel, original):
    """Install a model, and let a provider have a second copy of it, and another model of the same size."""
    folder = folders.add("folder")
    await install(kernel, original, "mine")
    shutil.copyfile(original, folder / "theirs.gguf")
    (folder / "other.gguf").write_bytes(original.read_bytes()[:-1] + b"x")
    return folder


@from_here
async def test_a_second_copy_becomes_a_link(folders, original):
    async with folders.open() as kernel:
        folder = await twice(folders, kernel, original)
        told = []
        plan = await kernel.storage.plan_dedupe(on_progress=told.append)
        (duplicate,) = plan.duplicates
        size = original.stat().st_size
        assert (duplicate.provider, duplicate.reference, duplicate.model) == ("folder", "theirs", "mine")
        assert (plan.frees, duplicate.size) == (size, size)
        (model,) = [each for each in await kernel.models.list() if each.id == "mine"]
        assert model.duplicated == size, "what was hashed is known from then on"
        done = await kernel.storage.dedupe(plan)
        assert (done.frees, done.left) == (size, ())
        assert (folder / "theirs.gguf").read_bytes() == original.read_bytes()
        assert is_same_file(folder / "theirs.gguf", Path(duplicate.kept)) or done.frees == size
        assert sorted(each.name for each in folder.iterdir()) == ["other.gguf", "theirs.gguf"]
        assert (await kernel.storage.plan_dedupe()).duplicates == ()
        (model,) = [each for each in await kernel.models.list() if each.id == "mine"]
        assert model.duplicated == 0


@from_here
async def test_what_changed_since_the_plan_is_left(folders, original):
    async with folders.open() as kernel:
        folder = await twice(folders, kernel, original)
        plan = await kernel.storage.plan_dedupe()
        (folder / "theirs.gguf").write_bytes(b"their own now")
        done = await kernel.storage.dedupe(plan)
        assert (done.duplicates, done.frees) == ((), 0)
        assert "changed since" in done.left[0]
        assert (folder / "theirs.gguf").read_bytes() == b"their own now"


@from_here
@pytest.mark.parametrize("how", ["loaded", "unfinished", "named"])
async def test_what_is_in_use_is_left_and_told(folders, original, how):
    async with folders.open() as kernel:
        folder = await twice(folders, kernel, original)
        if how == "loaded":
            await kernel.models.list()
            await kernel.providers.refresh()
            await kernel.models.load("folder:theirs")
        elif how == "unfinished":
            (folder / "theirs.gguf-partial").write_bytes(b"")
        else:
            os.link(folder / "theirs.gguf", folder.parent / "another-name")
        plan = await kernel.storage.plan_dedupe()
        assert plan.duplicates == ()
        why = {"loaded": "in memory", "unfinished": "not finished", "named": "another name"}[how]
        assert why in plan.left[0]


@from_here
async def test_a_damaged_payload_of_papin_replaces_nothing(folders, original):
    async with folders.open() as kernel:
        await twice(folders, kernel, original)
        plan = await kernel.storage.plan_dedupe()
        kept = plan.duplicates[0].kept
        data = bytearray(original.read_bytes())
        data[-1] ^= 1
        await trio.Path(kept).write_bytes(data)
        assert (await kernel.storage.plan_dedupe()).duplicates == ()


async def test_small_files_are_not_worth_it(folders, original):
    async with folders.open() as kernel:
        await twice(folders, kernel, original)
        assert await kernel.storage.plan_dedupe() == _dedupe.DedupePlan(duplicates=(), frees=0)


@from_here
async def test_programs_that_stay_read_what_may_be_there_twice(folders, original, monkeypatch):
    folder, other = folders.add("folder"), folders.add("other")
    shutil.copyfile(original, folder / "theirs.gguf")
    shutil.copyfile(original, other / "again.gguf")
    (other / "alone.gguf").write_bytes(b"of no size that anybody else has")
    read = []
    before = _hashing.hash_file
    monkeypatch.setattr(_hashing, "hash_file", lambda path, **how: read.append(path.name) or before(path, **how))
    async with folders.open() as kernel, trio.open_nursery() as nursery:
        await kernel.providers.refresh()
        nursery.start_soon(kernel.storage.keep_read)
        while len(read) < 2 or len(await kernel.models.list()) > 2:
            await trio.lowlevel.checkpoint()
        (twice,) = [each for each in await kernel.models.list() if each.duplicated]
        assert (twice.id, twice.duplicated) == ("folder:theirs", original.stat().st_size)
        plan = await kernel.storage.plan_dedupe()
        assert (plan.duplicates, len(plan.left)) == ((), 1), "papin has none of it"
        assert "papin models import --from folder theirs" in plan.left[0]
        assert sorted(read) == ["again.gguf", "theirs.gguf"], "once, and nothing that is there but once"
        nursery.cancel_scope.cancel()


async def test_nothing_is_read_in_the_background_where_that_is_not_wished(folders, original):
    shutil.copyfile(original, folders.add("folder") / "theirs.gguf")
    shutil.copyfile(original, folders.add("other") / "again.gguf")
    async with open_kernel(environ=folders.environ | {"PAPIN_READ_IN_BACKGROUND": "false"}) as kernel:
        await kernel.storage.keep_read()
        assert len(await kernel.models.list()) == 2
