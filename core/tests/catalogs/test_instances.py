"""Catalogs of one's own: a template is none, and each table that says its kind is one."""

import pytest

from papin.config import find_file, load, set_value
from papin.errors import NotFound
from papin.kernel import open_kernel, settings_tables

SOURCE = """
from contextlib import asynccontextmanager
import msgspec
from papin.catalogs import Catalog
from papin.errors import NotFound
from papin.hookspecs import hookimpl
from papin.models import HttpSource, Variant, WantedFile

class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    address: str = ""

class Session:
    def __init__(self, context):
        self.context = context

    async def resolve(self, name, variant):
        if name != "anvil":
            raise NotFound("no such model")
        name = self.context.name
        file = WantedFile(name="a.gguf", sources=(HttpSource(url=self.context.settings.address),))
        return Variant(ref=f"{name}:anvil", catalog=name, name="anvil", variant="", files=(file,))

@asynccontextmanager
async def opened(context):
    yield Session(context)

@hookimpl
def papin_catalogs():
    yield Catalog(name="shelf", prefix="sh", summary="Shelves", open=opened, settings=Settings, template=True)
"""


@pytest.fixture
def kernel(site, tmp_path):
    site.install("shelf", source=SOURCE)
    home = tmp_path / "home"
    home.mkdir()

    def opened(text):
        (home / "config.toml").write_text(text)
        return open_kernel(environ={"PAPIN_HOME": str(home)})

    opened.home = home
    return opened


async def test_each_table_of_a_template_is_a_catalog_and_the_template_is_none(kernel):
    async with kernel('[catalogs.team]\nkind = "shelf"\naddress = "https://team.example/a"\n') as opened:
        told = {each.name: each for each in await opened.catalogs.list()}
        assert (told["team"].prefix, told["team"].state) == ("team", "ready")
        assert "shelf" not in told
        found = await opened.catalogs.resolve("team:anvil")
        assert found.files[0].sources[0].url == "https://team.example/a"
        with pytest.raises(NotFound):
            await opened.catalogs.resolve("team:hammer")


@pytest.mark.parametrize(("name", "kind"), [("team", "nobody"), ("sh", "shelf")])
async def test_one_that_cannot_be_is_shown_with_its_reason(kernel, name, kind):
    async with kernel(f'[catalogs.{name}]\nkind = "{kind}"\n') as opened:
        told = {each.name: each for each in await opened.catalogs.list()}
    assert told[name].state == "failed"
    assert told[name].problem.code == "ERR_CONFIG"


def test_it_is_made_by_two_settings(kernel, monkeypatch):
    kernel("")
    monkeypatch.setenv("PAPIN_HOME", str(kernel.home))
    tables = settings_tables()
    set_value(find_file(), "catalogs.team.kind", "shelf", tables)
    set_value(find_file(), "catalogs.team.address", "https://team.example/a", tables)
    rows = {row.key: row.value for row in load().rows(tables)}
    assert (rows["catalogs.team.kind"], rows["catalogs.team.address"]) == ("shelf", "https://team.example/a")
