"""The starter catalog: what it promises is true of the file it promises it of."""

import hashlib
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from papin.catalogs import Refreshes
from papin.errors import NotFound
from papin.models import HttpSource, PackageSource
from papin_starter._models import ENTRIES
from papin_starter._session import StarterSession
from papin_starter.plugin import papin_catalogs


def starter():
    return next(each for each in papin_catalogs() if not each.template)


@pytest.fixture
async def session():
    catalog = starter()
    async with catalog.open(None) as session:
        yield session


def test_the_descriptor_is_local_and_has_the_prefix_that_people_type():
    catalog = starter()
    assert (catalog.name, catalog.prefix, catalog.local) == ("starter", "starter", True)


def test_the_hook_module_imports_nothing_heavy():
    script = "import sys, papin_starter.plugin; print(*sorted({'trio', 'httpx', 'papin_starter._models'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


async def test_a_name_without_variant_is_the_first_variant(session):
    variant = await session.resolve("smollm2", None)
    assert variant.ref == "starter:smollm2:Q4_1"
    assert variant.size == 98_362_432
    assert variant == await session.resolve("SmolLM2", "q4_1")


async def test_every_ref_resolves_to_itself(session):
    assert isinstance(session, Refreshes)
    for entry in (await session.refresh("")).entries:
        for variant in entry.variants:
            _, name, which = variant.ref.split(":")
            assert await session.resolve(name, which) == variant


async def test_an_unknown_model_lists_the_nearest(session):
    with pytest.raises(NotFound) as caught:
        await session.resolve("smolm", None)
    assert "starter:smollm2" in caught.value.next_step


async def test_an_unknown_variant_lists_those_there_are(session):
    with pytest.raises(NotFound) as caught:
        await session.resolve("smollm2", "Q8_0")
    assert "starter:smollm2:Q4_1" in caught.value.next_step


@pytest.mark.parametrize("name", ["", "..", "../x", "smollm2\0", "x" * 100_000])
async def test_a_hostile_name_is_only_not_found(name):
    with pytest.raises(NotFound):
        await StarterSession(ENTRIES).resolve(name, None)


def _files():
    return [file for entry in ENTRIES for variant in entry.variants for file in variant.files]


@pytest.mark.parametrize("file", _files(), ids=lambda file: file.name)
def test_every_file_is_promised_in_full_and_by_plain_name(file):
    assert file.sha256 is not None
    assert len(file.sha256) == 64
    assert set(file.sha256) <= set("0123456789abcdef")
    assert file.size is not None
    assert file.size > 0
    assert Path(file.name).name == file.name
    assert any(isinstance(source, HttpSource) and source.url.startswith("https://") for source in file.sources)


def _packaged():
    return [(file, source) for file in _files() for source in file.sources if isinstance(source, PackageSource)]


@pytest.mark.parametrize(("file", "source"), _packaged(), ids=lambda each: getattr(each, "name", ""))
def test_the_packaged_file_is_what_is_promised(file, source):
    try:
        path = Path(str(distribution(source.distribution).locate_file(source.path)))
    except PackageNotFoundError:
        pytest.skip(f"{source.distribution} is not installed (`uv sync` installs it)")
    with path.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    assert (path.stat().st_size, digest) == (file.size, file.sha256)
