"""Letting a provider fetch a model by its own means, as a job."""

import pytest

from papin.errors import NameInvalid, NotFound, ProviderFailed


async def test_a_provider_fetches_a_model_itself(folders, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "qwen3.gguf").write_bytes(b"weights")
    folder = folders.add("folder", source=str(source))
    async with folders.open() as kernel:
        job = await kernel.downloads.pull("folder", "folder:qwen3")
        done = await kernel.downloads.wait(job.id)
        assert (done.kind, done.subject, done.model) == ("download", "qwen3", "folder:qwen3")
        assert (folder / "qwen3.gguf").read_bytes() == b"weights"
        assert (await kernel.models.show("qwen3")).source == "folder"


async def test_what_cannot_be_fetched_is_said(folders):
    folders.add("folder")
    async with folders.open() as kernel:
        job = await kernel.downloads.pull("folder", "nothing")
        with pytest.raises(NotFound):
            await kernel.downloads.wait(job.id)
        with pytest.raises(NotFound):
            await kernel.downloads.pull("nobody", "qwen3")
        for name in ("", "folder:", "a\nb", "-rf", "x" * 2000):
            with pytest.raises(NameInvalid):
                await kernel.downloads.pull("folder", name)


async def test_a_provider_that_does_not_fetch_says_so(folders, site):
    site.install(
        "still",
        source=(
            "from contextlib import asynccontextmanager\n"
            "from papin.hookspecs import hookimpl\nfrom papin.providers import Provider\n"
            "@asynccontextmanager\nasync def opened(context):\n    yield object()\n"
            "@hookimpl\ndef papin_providers():\n"
            "    yield Provider(name='still', summary='', open=opened, lacks={'pulls': 'It is still.'})\n"
        ),
    )
    async with folders.open() as kernel:
        job = await kernel.downloads.pull("still", "qwen3")
        with pytest.raises(ProviderFailed, match="It is still"):
            await kernel.downloads.wait(job.id)
