"""One payload: shared without a second copy, taken back, taken over, and removed with a plan."""

import os

import pytest
import trio

from papin.errors import Conflict, InUse, NameInvalid, NotFound, ProviderFailed
from papin.events import ModelChanged
from papin.library import open_library
from papin.models import Placement
from papin.policies import Cleanup, Removal


async def installed(kernel, path, name=None):
    job = await kernel.downloads.import_file(path, name=name)
    return (await kernel.downloads.wait(job.id)).model


@pytest.fixture
def tiny(tmp_path, tiny_gguf):
    path = tmp_path / "tiny.gguf"
    path.write_bytes(tiny_gguf())
    return path


def blobs(home):
    return [each for each in (home / "data").rglob("blobs/sha256/*/*") if each.is_file()]


async def test_sharing_stores_nothing_again_and_is_listed_once(folders, tiny):
    folder = folders.add("folder")
    async with folders.open() as kernel:
        await installed(kernel, tiny)
        model = await kernel.models.share("tiny", "folder")
        (placement,) = model.placements
        assert (placement.provider, placement.reference) == ("folder", "tiny")
        assert placement.how in {"reflink", "hardlink", "symlink"}
        shared = folder / "tiny.gguf"
        assert placement.how == "reflink" or os.path.samestat(shared.stat(), blobs(folders.home)[0].stat())
        (listed,) = await kernel.models.list()
        assert (listed.id, listed.placements, listed.duplicated) == ("tiny", (placement,), 0)
        assert (await kernel.models.share("tiny", "folder")).placements == (placement,), "twice is once"
        assert ModelChanged(model="tiny") in [each.event for each in await kernel.journal.events()]
    with open_library(folders.environ) as library:
        assert library.find("tiny").placements == (placement,)
        assert library.find("folder:tiny").id == "folder:tiny"


async def test_what_was_made_is_the_last_of_the_placements(folders, tiny):
    folders.add("folder")
    async with folders.open() as kernel:
        await installed(kernel, tiny)
        for name, expected in (("", ["tiny"]), ("twin", ["tiny", "twin"]), ("tiny", ["twin", "tiny"])):
            shared = await kernel.models.share("tiny", "folder", name=name)
            assert [each.reference for each in shared.placements] == expected


async def test_a_download_shares_what_it_brought_and_only_warns_where_it_cannot(folders, tiny):
    folder = folders.add("folder")
    (folder / "taken.gguf").write_bytes(b"of somebody else")
    async with folders.open() as kernel:
        with pytest.raises(NotFound):
            await kernel.downloads.start(str(tiny), share_with="nobody")
        with pytest.raises(NotFound):
            await kernel.downloads.plan(str(tiny), share_with="nobody")
        for _ in range(2):  # what is installed is shared all the same
            job = await kernel.downloads.start(str(tiny), share_with="folder")
            done = await kernel.downloads.wait(job.id)
            (placement,) = (await kernel.models.show("tiny")).placements
            assert (done.model, done.warnings, placement.reference) == ("tiny", (), "tiny")
        job = await kernel.downloads.start(str(tiny), name="taken", share_with="folder")
        done = await kernel.downloads.wait(job.id)
        assert (done.state, done.model) == ("completed", "taken")
        assert "taken" in done.warnings[0]
        assert (folder / "taken.gguf").read_bytes() == b"of somebody else"


async def test_what_is_shared_runs_there(folders, tiny):
    folders.add("folder")
    async with folders.open() as kernel:
        await installed(kernel, tiny)
        with pytest.raises(ProviderFailed) as caught:
            await kernel.models.load("tiny", provider="folder")
        assert "papin models share tiny --with folder" in caught.value.next_step
        await kernel.models.share("tiny", "folder", name="other")
        loaded = await kernel.models.load("tiny", provider="folder")
        assert (loaded.model, loaded.reference) == ("tiny", "other")
        assert [each.model for each in await kernel.models.loaded()] == ["tiny"]
        with pytest.raises(InUse):
            await kernel.models.unshare("tiny", "folder")
        assert await kernel.models.unload("tiny")


async def test_unsharing_takes_back_what_papin_made_and_nothing_else(folders, tiny, put_model, tiny_gguf):
    folder = folders.add("folder")
    put_model(folder, "theirs")
    async with folders.open() as kernel:
        await installed(kernel, tiny)
        await kernel.models.share("tiny", "folder")
        assert (await kernel.models.unshare("tiny", "folder")).placements == ()
        assert sorted(each.name for each in folder.iterdir()) == ["theirs.gguf"]
        assert blobs(folders.home)[0].read_bytes() == tiny_gguf()
        for ref in ("tiny", "theirs"):
            with pytest.raises(NotFound, match="has not shared"):
                await kernel.models.unshare(ref, "folder")


async def test_a_name_that_is_taken_is_refused_and_left(folders, tiny, put_model):
    theirs = put_model(folders.add("folder"), "tiny", b"precious")
    async with folders.open() as kernel:
        await installed(kernel, tiny)
        with pytest.raises(Conflict):
            await kernel.models.share("tiny", "folder")
        assert theirs.read_bytes() == b"precious"
        assert (await kernel.models.show("tiny")).placements == ()


@pytest.mark.parametrize("behaviour", ["fails", "crashes"])
async def test_a_failed_share_leaves_nothing(folders, tiny, behaviour):
    folder = folders.add("folder", behaviour=behaviour)
    async with folders.open() as kernel:
        await installed(kernel, tiny)
        with pytest.raises(ProviderFailed if behaviour == "fails" else Exception):
            await kernel.models.share("tiny", "folder")
        assert (await kernel.models.show("tiny")).placements == ()
    assert list(folder.iterdir()) == []
    with open_library(folders.environ) as library:
        assert library._read.shares() == ()


async def test_a_cancelled_share_leaves_nothing(folders, tiny, patient_clock):
    folder = folders.add("folder", behaviour="hangs")
    async with folders.open() as kernel:
        await installed(kernel, tiny)
        with trio.move_on_after(60) as scope:
            await kernel.models.share("tiny", "folder")
        assert scope.cancelled_caught
    assert list(folder.iterdir()) == []
    with open_library(folders.environ) as library:
        assert library._read.shares() == ()


async def test_a_share_that_a_crash_cut_off_is_finished_by_the_next_start(folders, tiny):
    folder = folders.add("folder")
    async with folders.open() as kernel:
        await installed(kernel, tiny)
        await kernel._services.records.change(lambda write: write.begin_share("folder", "mine", "tiny"))
        await kernel._services.records.change(lambda write: write.begin_share("folder", "lost", "nothing"))
    async with folders.open() as kernel:
        (placement,) = (await kernel.models.show("tiny")).placements
        assert placement.reference == "mine"
    assert [each.name for each in folder.glob("*.gguf")] == ["mine.gguf"]
    with open_library(folders.environ) as library:
        assert library._read.shares() == ()


async def test_what_a_provider_lists_no_more_is_not_told(folders, tiny):
    folder = folders.add("folder")
    async with folders.open() as kernel:
        await installed(kernel, tiny)
        await kernel.models.share("tiny", "folder")
        (folder / "tiny.gguf").unlink()
        await kernel.providers.refresh()
        assert (await kernel.models.show("tiny")).placements == ()


async def test_importing_from_a_provider_takes_no_space(folders, put_model, tiny_gguf):
    folder = folders.add("folder")
    path = put_model(folder, "theirs", tiny_gguf(7))
    async with folders.open() as kernel:
        job = await kernel.downloads.import_from("folder", "theirs", name="mine")
        model = await kernel.models.show((await kernel.downloads.wait(job.id)).model)
        assert model.id == "mine"
        await kernel.providers.refresh()
        (listed,) = await kernel.models.list()
        assert listed.duplicated == 0
        assert listed.placements == (Placement(provider="folder", reference="theirs", how="in-place"),)
        assert os.path.samestat(path.stat(), blobs(folders.home)[0].stat()) or path.stat().st_nlink == 1
        with pytest.raises(NotFound) as caught:
            await kernel.downloads.import_from("folder", "their")
        assert "theirs" in caught.value.next_step


async def test_removing_says_what_stays_and_why(folders, tiny, tiny_gguf):
    folder = folders.add("folder")
    async with folders.open() as kernel:
        await installed(kernel, tiny)
        tiny.unlink()
        (placement,) = (await kernel.models.share("tiny", "folder")).placements
        if placement.how != "hardlink":
            pytest.skip("this file system shares in another way")
        plan = await kernel.models.plan_removal("tiny")
        assert (plan.frees, plan.keeps[0].reason) == (0, "folder has it as tiny")
        (kept,) = (await kernel.models.plan_removal("folder:tiny")).keeps
        assert kept.reason == "papin has it as tiny"
        await kernel.models.remove("tiny")
        assert (folder / "tiny.gguf").read_bytes() == tiny_gguf()
        assert [each.id for each in await kernel.models.list()] == ["folder:tiny"]


async def test_a_model_of_a_provider_is_removed_only_when_it_is_named(folders, put_model, tiny):
    folder = folders.add("folder")
    put_model(folder, "theirs")
    os.link(put_model(folder, "twin", b"twins"), folder / "other.gguf")
    async with folders.open() as kernel:
        await installed(kernel, tiny)
        await kernel.models.list()
        for begin in ("the", "folder:th"):
            with pytest.raises(NameInvalid, match="not its whole name"):
                await kernel.models.remove(begin, force=True)
        plan = await kernel.models.plan_removal("folder:theirs")
        assert (plan.owner, plan.frees, plan.keeps) == ("folder", 7, ())
        twin = await kernel.models.plan_removal("folder:twin")
        assert (twin.frees, twin.keeps[0].reason) == (0, "folder:other uses it too")
        await kernel.models.load("folder:theirs")
        with pytest.raises(InUse):
            await kernel.models.remove("folder:theirs")
        await kernel.models.remove("folder:theirs", force=True)
        assert not (folder / "theirs.gguf").exists()
        assert "folder:theirs" not in [each.id for each in await kernel.models.list()]


async def test_cleaning_up_never_takes_what_papin_does_not_keep(folders, put_model):
    path = put_model(folders.add("folder"), "theirs")
    async with folders.open() as kernel:
        await kernel.models.list()
        assert await kernel.storage.plan_cleanup() == ()
    assert path.exists()


async def test_cleaning_up_leaves_what_was_loaded_since_it_was_planned(folders, put_model):
    put_model(folders.add("folder"), "theirs")
    wanted = (Removal(model="folder:theirs", reason="unused", frees=7), Removal(model="gone", reason="unused", frees=1))
    async with folders.open() as kernel:
        await kernel.models.list()
        await kernel.models.load("folder:theirs")
        assert await kernel.storage.cleanup(wanted) == Cleanup(left=("folder:theirs",))
        await kernel.models.unload("folder:theirs")
        done = await kernel.storage.cleanup(wanted)
        assert (done.removed, done.freed, done.left) == (wanted[:1], 7, ())


async def test_verifying_a_model_of_a_provider_reads_it(folders, put_model):
    put_model(folders.add("folder"), "bad", b"nothing of a model")
    async with folders.open() as kernel:
        verification = await kernel.models.verify("folder:bad")
        outcomes = {each.name: each.outcome for each in verification.checks}
        assert outcomes["file integrity"] == "ok"
        assert outcomes["provider compatibility"] == "ok"


async def test_the_name_of_a_provider_names_no_model(folders, put_model):
    path = put_model(folders.add("folder"), "theirs")
    async with folders.open() as kernel:
        await kernel.models.list()
        for begin in ("folder", "folder:"):
            with pytest.raises(NameInvalid):
                await kernel.models.remove(begin)
        assert path.exists()
