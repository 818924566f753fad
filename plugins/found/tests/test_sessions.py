"""Sessions with folders: the suite of all providers, stamps, loops, and folders that cannot be read."""

import os

import pytest

from papin.errors import EngineMissing, ProviderFailed
from papin.inventories import is_current
from papin.testing import ProviderSuite, make_context
from papin_found.plugin import papin_providers

from .layouts import Docker, HuggingFace, Ramalama, put


def fill_huggingface(root):
    HuggingFace(root).add("o/r", "m-Q4_0.gguf", b"GGUF")


def fill_docker(root):
    Docker(root).add(["ai/m:latest"], [("gguf.v3", b"GGUF")])


def fill_ramalama(root):
    Ramalama(root).add("hf/o/r", "latest", {"m.gguf": b"GGUF"})


def fill_jan(root):
    put(root / "llamacpp/models/m/model.gguf")
    put(root / "llamacpp/models/m/model.yml", "model_path: llamacpp/models/m/model.gguf")


FILL = {
    "jan": fill_jan,
    "gpt4all": lambda root: put(root / "m.gguf"),
    "huggingface-cache": fill_huggingface,
    "llamacpp-cache": lambda root: put(root / "o_r_m.gguf"),
    "docker-model-runner": fill_docker,
    "ramalama": fill_ramalama,
}
FOLDERS = [each for each in papin_providers() if each.name in FILL]


def open_it(descriptor, tmp_path):
    return descriptor.open(make_context(descriptor, tmp_path / "papin", folder=str(tmp_path / "models")))


@pytest.mark.parametrize("name", FILL)
class TestFolders(ProviderSuite):
    @pytest.fixture
    def descriptor(self, name):
        return next(each for each in FOLDERS if each.name == name)

    @pytest.fixture
    def settings(self, name, tmp_path):
        FILL[name](tmp_path / "models")
        return {"folder": str(tmp_path / "models")}


@pytest.mark.parametrize("descriptor", FOLDERS, ids=lambda each: each.name)
async def test_a_list_knows_whether_it_is_still_true(descriptor, tmp_path):
    root = tmp_path / "models"
    async with open_it(descriptor, tmp_path) as session:
        nothing = await session.models()
        assert (nothing.is_present, nothing.models) == (False, ())
        assert is_current(nothing.stamps)
        with pytest.raises(EngineMissing, match="keeps no models here"):
            await session.engine()
        FILL[descriptor.name](root)
        assert not is_current(nothing.stamps)
        listing = await session.models()
        assert listing.is_present
        assert len(listing.models) == 1
        assert all(file.path.startswith(str(root)) for file in listing.models[0].files)
        assert (await session.engine()).path == str(root)


@pytest.mark.parametrize("descriptor", FOLDERS, ids=lambda each: each.name)
async def test_a_folder_that_is_none(descriptor, tmp_path):
    put(tmp_path / "models", b"a file")
    async with open_it(descriptor, tmp_path) as session:
        assert (await session.models()).is_present is False


async def test_a_folder_that_cannot_be_read_is_not_taken_for_empty(tmp_path):
    descriptor = next(each for each in FOLDERS if each.name == "gpt4all")
    root = tmp_path / "models"
    root.symlink_to(root)  # unlike a folder without permissions, nobody can read this
    async with open_it(descriptor, tmp_path) as session:
        with pytest.raises(ProviderFailed, match="cannot be read"):
            await session.models()


async def test_loops_of_links_end(tmp_path):
    root = tmp_path / "models"
    HuggingFace(root).add("o/r", "deep/m-Q4_0.gguf", b"GGUF")
    snapshot = next(root.glob("models--*/snapshots/*"))
    (snapshot / "deep" / "again").symlink_to(snapshot)
    (snapshot / "self").symlink_to(snapshot / "self")
    (snapshot / "ring.gguf").symlink_to(snapshot / "ring.gguf")
    (root / "models--a--loop").symlink_to(root / "models--o--r")
    descriptor = next(each for each in FOLDERS if each.name == "huggingface-cache")
    async with open_it(descriptor, tmp_path) as session:
        assert len((await session.models()).models) == 1


async def test_pipes_and_devices_are_no_models(tmp_path):
    root = tmp_path / "models"
    put(root / "m.gguf")
    os.mkfifo(root / "pipe.gguf")
    (root / "device.gguf").symlink_to("/dev/zero")
    descriptor = next(each for each in FOLDERS if each.name == "gpt4all")
    async with open_it(descriptor, tmp_path) as session:
        assert [each.reference for each in (await session.models()).models] == ["m.gguf"]


def test_every_one_says_what_it_cannot_do():
    for each in FOLDERS:
        assert {"pulls", "removes", "loads", "shares"} <= set(each.lacks)
