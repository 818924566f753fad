"""A kernel with a catalog that is scripted by a file beside its plugin."""

import os
from contextlib import asynccontextmanager

import msgspec
import pytest

from papin.kernel import open_kernel

SOURCE = """
from contextlib import asynccontextmanager
from pathlib import Path
import msgspec
from papin.catalogs import Catalog, Page
from papin.errors import NotFound, TransferFailed
from papin.hookspecs import hookimpl
from papin.models import CatalogEntry

SCRIPT = Path(__file__).with_name("script.json")

class Script(msgspec.Struct):
    pages: dict[str, Page] = {}
    entries: list[CatalogEntry] = []
    fails: bool = False

def script():
    return msgspec.json.decode(SCRIPT.read_bytes(), type=Script)

def note(what):
    with SCRIPT.with_name("asked.txt").open("a") as file:
        file.write(what + "\\n")

class Session:
    async def resolve(self, name, variant):
        note(f"resolve {name} {variant}")
        for each in (await self.entry(name)).variants:
            if variant in (None, each.variant):
                return each
        raise NotFound("no such variant", next_step="none")

    async def refresh(self, state):
        note(f"refresh {state}")
        told = script()
        if told.fails:
            raise TransferFailed("the hub is away", next_step="wait")
        return told.pages.get(state) or Page(state=state)

    async def entry(self, name):
        told = script()
        if told.fails:
            raise TransferFailed("the hub is away", next_step="wait")
        for each in told.entries:
            if each.name == name:
                return each
        raise NotFound("the hub has no such model", next_step="none")

    async def search(self, query, most):
        note(f"search {' '.join(query.words)}")
        return script().entries

@asynccontextmanager
async def opened(context):
    yield Session()

@hookimpl
def papin_catalogs():
    yield Catalog(name="hub", prefix="hub", summary="A hub", open=opened, local=LOCAL)
"""


class Hub:
    """The catalog `hub`: what it tells, and what it was asked."""

    def __init__(self, folder, home):
        self._folder, self.home = folder, home
        self.tell()

    def tell(self, *, pages=None, entries=(), fails=False):
        script = {"pages": pages or {}, "entries": list(entries), "fails": fails}
        (self._folder / "script.json").write_bytes(msgspec.json.encode(script))

    def asked(self):
        file = self._folder / "asked.txt"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines

    def environ(self):
        """The environment of a child process that has this hub."""
        return os.environ | {"PAPIN_HOME": str(self.home), "PYTHONPATH": str(self._folder)}

    @asynccontextmanager
    async def kernel(self, **options):
        async with open_kernel(environ={"PAPIN_HOME": str(self.home)}, **options) as kernel:
            yield kernel


@pytest.fixture
def hub(site, tmp_path):
    site.install("hub", source=SOURCE.replace("LOCAL", "False"))
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text('disabled_plugins = ["ollama", "localai", "huggingface"]\n')
    return Hub(tmp_path / "site", home)
