"""Other names for models that only a provider has."""

import pytest

from papin.errors import Conflict, NameInvalid, NotFound


async def test_a_copy_and_another_name(folders, put_model):
    folder = folders.add("folder")
    put_model(folder, "qwen3")
    async with folders.open() as kernel:
        await kernel.models.edit("qwen3", favourite=True)
        assert (await kernel.models.copy("qwen3", "second")).id == "folder:second"
        renamed = await kernel.models.rename("folder:qwen3", "folder:small")
        assert (renamed.id, renamed.favourite) == ("folder:small", True)
        assert sorted(each.name for each in folder.glob("*.gguf")) == ["second.gguf", "small.gguf"]
        with pytest.raises(Conflict):
            await kernel.models.rename("folder:small", "second")
        with pytest.raises(NotFound):
            await kernel.models.rename("folder:qwen3", "other")


@pytest.mark.parametrize("name", ["", "-x", "../x", "a\nb", "x" * 300])
async def test_names_that_are_none(folders, put_model, name):
    put_model(folders.add("folder"), "qwen3")
    async with folders.open() as kernel:
        with pytest.raises(NameInvalid):
            await kernel.models.copy("qwen3", name)


async def test_papins_own_models_keep_their_id(folders, tmp_path, tiny_gguf):
    path = tmp_path / "mine.gguf"
    path.write_bytes(tiny_gguf())
    async with folders.open() as kernel:
        job = await kernel.downloads.import_file(path)
        await kernel.downloads.wait(job.id)
        with pytest.raises(NameInvalid, match="keeps its id"):
            await kernel.models.rename("mine", "other")
