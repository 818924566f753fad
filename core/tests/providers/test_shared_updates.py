"""A model that is shared with another program is the new version there too, once it was updated; and the old one again."""

import hashlib

import msgspec
import pytest

from papin.models import FileSource, Variant, WantedFile

SHELF = """
from contextlib import asynccontextmanager
from pathlib import Path
import msgspec
from papin.catalogs import Catalog
from papin.hookspecs import hookimpl
from papin.models import Variant

class Shelf:
    async def resolve(self, name, variant):
        return msgspec.json.decode(Path(__file__).with_name("m.json").read_bytes(), type=Variant)

@asynccontextmanager
async def opened(context):
    yield Shelf()

@hookimpl
def papin_catalogs():
    yield Catalog(name="shelf", prefix="shelf", summary="A shelf", open=opened, local=True)
"""


@pytest.fixture
def put(site, tmp_path, tiny_gguf):
    site.install("shelf", source=SHELF)

    def put(body):
        path = tmp_path / f"{len(body)}.gguf"
        path.write_bytes(body)
        digest = hashlib.sha256(body).hexdigest()
        file = WantedFile(name="m.gguf", size=len(body), sha256=digest, sources=(FileSource(path=str(path)),))
        variant = Variant(ref="shelf:m", catalog="shelf", name="m", variant="", files=(file,))
        (tmp_path / "site" / "m.json").write_bytes(msgspec.json.encode(variant))
        return body

    return put


async def test_the_other_program_gets_the_new_version(folders, put, tiny_gguf):
    old, new = put(tiny_gguf()), tiny_gguf() + bytes(32)
    shared = folders.add("folder") / "m.gguf"
    async with folders.open() as kernel:
        await kernel.downloads.wait((await kernel.downloads.start("shelf:m")).id)
        await kernel.models.share("m", "folder")
        await kernel.models.share("m", "folder", name="again")
        assert shared.read_bytes() == old
        put(new)
        job = await kernel.downloads.wait((await kernel.updates.start("m")).id)
        assert (job.state, job.warnings) == ("completed", ())
        assert shared.read_bytes() == new
        placements = (await kernel.models.show("m")).placements
        assert sorted((each.provider, each.reference) for each in placements) == [("folder", "again"), ("folder", "m")]
        assert shared.with_name("again.gguf").read_bytes() == new
        await kernel.updates.rollback("m")
        assert shared.read_bytes() == old
