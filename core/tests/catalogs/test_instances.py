"""Catalogs of one's own: a template is none, and each table that says its kind is one."""

import pytest
import trio
import trio.testing

from papin.config import find_file, load, set_value
from papin.errors import ConfigInvalid, Conflict, NameInvalid, NotFound, TransferFailed
from papin.events import CatalogRefreshed
from papin.kernel import open_kernel, settings_tables
from papin.library import open_library

SOURCE = """
from contextlib import asynccontextmanager
import msgspec
from pathlib import Path
from papin.catalogs import Catalog, all_of
from papin.errors import NotFound, TransferFailed
from papin.hookspecs import hookimpl
from papin.models import CatalogEntry, HttpSource, Variant, WantedFile

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

    async def refresh(self, state):
        if self.context.settings.address.endswith("/missing"):
            raise NotFound("there is no index", next_step="papin catalogs remove team")
        if not self.context.settings.address.endswith("/a"):
            raise TransferFailed("there is nothing", next_step="look")
        name = self.context.name
        variants = (await self.resolve("anvil", None),)
        entry = CatalogEntry(ref=f"{name}:anvil", catalog=name, name="anvil", title="Anvil", variants=variants)
        return all_of((entry,), state)

@asynccontextmanager
async def opened(context):
    yield Session(context)
    Path(context.folders.data, "closed").touch()

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


async def test_one_is_added_to_a_living_kernel_and_to_the_next_one(kernel, tmp_path):
    async with kernel("") as opened:
        added = await opened.catalogs.add("team", "a", folder=tmp_path)
        assert (added.models, added.changed, added.problem) == (1, 1, None)
        assert f'address = "{tmp_path / "a"}"' in (kernel.home / "config.toml").read_text()
        assert (await opened.catalogs.resolve("team:anvil")).files[0].sources[0].url == str(tmp_path / "a")
        (card,) = (await opened.discovery.search("anvil")).cards
        assert card.entry.ref == "team:anvil"
        assert "team" in [each.name for each in await opened.catalogs.list()]
        told = [each.event for each in await opened.journal.events() if isinstance(each.event, CatalogRefreshed)]
        assert told == [CatalogRefreshed(catalog="team", changed=1, gone=0)]
        with pytest.raises(Conflict):
            await opened.catalogs.add("team", "https://team.example/a")
    async with open_kernel(environ={"PAPIN_HOME": str(kernel.home)}) as opened:
        assert (await opened.catalogs.resolve("team:anvil")).catalog == "team"


async def test_one_is_removed_from_a_living_kernel_with_all_that_it_told(kernel):
    async with kernel("") as opened:
        await opened.catalogs.add("team", "https://team.example/a")
        assert (await opened.catalogs.remove("team")).gone == 1
        assert "team" not in (kernel.home / "config.toml").read_text()
        assert "team" not in [each.name for each in await opened.catalogs.list()]
        assert not (await opened.discovery.search("anvil")).cards
        with pytest.raises(NotFound):
            await opened.catalogs.remove("team")
        with pytest.raises(NotFound):
            await opened.catalogs.refresh(["team"])
        again = await opened.catalogs.add("team", "https://other.example/a")
        assert again.changed == 1
        assert (await opened.catalogs.resolve("team:anvil")).files[0].sources[0].url == "https://other.example/a"
    assert (kernel.home / "data" / "catalogs" / "team" / "closed").exists(), "its session was closed"


async def test_one_that_cannot_be_read_is_taken_back(kernel):
    async with kernel("offline = false\n") as opened:
        with pytest.raises(TransferFailed, match="there is nothing"):
            await opened.catalogs.add("team", "https://team.example/b")
        with pytest.raises(NotFound) as error:
            await opened.catalogs.add("team", "https://team.example/missing")
        assert error.value.next_step == "Nothing was added. With the right address: papin catalogs add team ADDRESS"
        assert (kernel.home / "config.toml").read_text().strip() == "offline = false"
        assert "team" not in [each.name for each in await opened.catalogs.list()]
        assert (await opened.catalogs.add("team", "https://team.example/a")).models == 1


@pytest.mark.parametrize(
    ("name", "address", "error"),
    [
        ("My Team", "/a", NameInvalid),
        ("team-", "/a", NameInvalid),
        ("a--b", "/a", NameInvalid),
        ("sh", "/a", Conflict),
        ("shelf", "/a", Conflict),
        ("team", "a", NameInvalid),
        ("team", "", NameInvalid),
        ("team", "/a\0/a", NameInvalid),
        ("team", "ftp://team.example/a", NameInvalid),
    ],
)
async def test_what_cannot_be_a_catalog_is_refused_and_leaves_nothing(kernel, name, address, error):
    async with kernel("") as opened:
        with pytest.raises(error):
            await opened.catalogs.add(name, address)
    assert (kernel.home / "config.toml").read_text() == ""


async def test_what_a_catalog_told_that_is_not_configured_any_more_is_not_found(kernel):
    async with kernel("") as opened:
        await opened.catalogs.add("team", "https://team.example/a")
        kept = (kernel.home / "config.toml").read_text()
    async with kernel("") as opened:
        assert not (await opened.discovery.search("anvil")).cards
        with pytest.raises(NotFound) as caught:
            await opened.catalogs.resolve("starter:anvil")
        assert "team:" not in caught.value.next_step
    async with kernel(kept) as opened:
        assert (await opened.discovery.search("anvil")).cards[0].entry.ref == "team:anvil", "nothing was lost"


async def test_a_search_without_a_kernel_finds_what_is_added_refreshed_and_not_what_is_removed(kernel):
    def found():
        with open_library({"PAPIN_HOME": str(kernel.home)}) as library:
            return [card.entry.ref for card in library.search("anvil").cards]

    async with kernel("") as opened:
        await opened.discovery.search("")
        await opened.catalogs.add("team", "https://team.example/a")
        assert found() == ["team:anvil"]
        await opened.catalogs.remove("team")
        assert found() == []
    async with kernel('[catalogs.other]\nkind = "shelf"\naddress = "https://team.example/a"\n') as opened:
        await opened.catalogs.refresh(["other"])
        assert found() == ["other:anvil"]


async def test_what_another_process_adds_changes_and_removes_is_noticed_by_a_running_one(kernel):
    async with kernel("") as running, open_kernel(environ={"PAPIN_HOME": str(kernel.home)}) as other:

        async def found():
            return [card.entry.ref for card in (await running.discovery.search("anvil")).cards]

        assert await found() == []
        await other.catalogs.add("team", "https://team.example/a")
        assert await found() == ["team:anvil"]
        await other.catalogs.remove("team")
        assert await found() == []
        assert "team" not in [each.name for each in await running.catalogs.list()]


@pytest.mark.parametrize(
    "ask",
    [
        lambda running: running.catalogs.resolve("team:anvil"),
        lambda running: running.catalogs.refresh(["team"]),
        lambda running: running.discovery.show("team:anvil"),
    ],
    ids=["resolve", "refresh", "show"],
)
async def test_whatever_is_asked_first_knows_a_catalog_that_was_written_down_meanwhile(kernel, tmp_path, ask):
    async with kernel("") as running:
        await running.catalogs.list()
        (kernel.home / "config.toml").write_text(f'[catalogs.team]\nkind = "shelf"\naddress = "{tmp_path / "a"}"\n')
        assert await ask(running)


async def test_an_address_that_is_changed_and_a_file_that_is_broken_for_a_while(kernel):
    table = '[catalogs.team]\nkind = "shelf"\naddress = "https://{}.example/a"\n'
    file = kernel.home / "config.toml"

    async def address():
        return (await running.catalogs.resolve("team:anvil")).files[0].sources[0].url

    async with kernel(table.format("one")) as running:
        assert await address() == "https://one.example/a"
        file.write_text(table.format("second"))
        assert await address() == "https://second.example/a"
        file.write_text("[catalogs")
        assert await address() == "https://second.example/a"
        file.write_text(table.format("three"))
        assert await address() == "https://three.example/a"
        file.write_text("[catalogs.team]\nkind = 'nobody'\n")
        assert {each.name: each.state for each in await running.catalogs.list()}["team"] == "failed"


@pytest.fixture
def hall(kernel, site):
    """A kernel with a catalog that a plugin brings; as `kernel`."""
    source = SOURCE.replace('name="shelf", prefix="sh"', 'name="hall", prefix="hall"').replace(", template=True", "")
    site.install("hall", source=source)
    return kernel


TABLE = '[catalogs.hall]\naddress = "https://{}.example/a"\n'


async def address_of(running):
    return (await running.catalogs.resolve("hall:anvil")).files[0].sources[0].url


async def test_the_table_of_a_catalog_that_a_plugin_brings_is_followed_and_what_it_told_is_kept(hall):
    file, closed = hall.home / "config.toml", hall.home / "data" / "catalogs" / "hall" / "closed"
    async with hall(TABLE.format("one")) as running:
        names = [each.name for each in await running.catalogs.list()]
        assert (await running.catalogs.refresh(["hall"]))[0].changed == 1
        file.write_text(TABLE.format("second"))
        assert await address_of(running) == "https://second.example/a"
        (card,) = (await running.discovery.search("anvil")).cards
        assert card.entry.ref == "hall:anvil"
        await trio.testing.wait_all_tasks_blocked()
        assert closed.exists(), "the session with the old address was closed"
        file.write_text("")
        assert await address_of(running) == ""
        file.write_text(TABLE.format("three"))
        assert (await running.catalogs.refresh(["hall"]))[0].problem is None
        assert await address_of(running) == "https://three.example/a"
        assert [each.name for each in await running.catalogs.list()] == names


async def test_a_change_elsewhere_leaves_the_session_of_a_catalog_open(hall):
    closed = hall.home / "data" / "catalogs" / "hall" / "closed"
    async with hall(TABLE.format("one")) as running:
        await address_of(running)
        (hall.home / "config.toml").write_text(f"offline = true\n{TABLE.format('one')}[catalogs.nobody]\nkey = 1\n")
        await address_of(running)
        await trio.testing.wait_all_tasks_blocked()
        assert not closed.exists()
        with pytest.raises(NotFound):
            await running.catalogs.refresh(["nobody"])
        assert (await running.catalogs.add("nobody", "https://team.example/a")).models == 1


async def test_a_table_that_cannot_be_meant_is_told_until_it_is_mended(hall):
    async with hall("") as running:
        await address_of(running)
        (hall.home / "config.toml").write_text("[catalogs.hall]\nadress = 1\n")
        with pytest.raises(ConfigInvalid, match="adress"):
            await address_of(running)
        (hall.home / "config.toml").write_text(TABLE.format("one"))
        assert await address_of(running) == "https://one.example/a"


async def test_a_name_that_is_given_to_one_of_ours_and_taken_back(hall):
    async with hall(TABLE.format("one")) as running:
        await address_of(running)
        (hall.home / "config.toml").write_text('[catalogs.hall]\nkind = "shelf"\n')
        with pytest.raises(ConfigInvalid, match="hall is a catalog itself"):
            await running.catalogs.resolve("hall:anvil")
        (hall.home / "config.toml").write_text(TABLE.format("second"))
        assert await address_of(running) == "https://second.example/a"


async def test_the_catalog_that_a_plugin_brings_stays_when_its_table_is_removed_that_says_its_own_kind(hall):
    async with hall('[catalogs.hall]\nkind = "hall"\naddress = "https://one.example/a"\n') as running:
        assert (await running.catalogs.refresh(["hall"]))[0].changed == 1
        assert (await running.catalogs.remove("hall")).gone == 1
        assert "hall" in [each.name for each in await running.catalogs.list()]
        assert await address_of(running) == ""
        (hall.home / "config.toml").write_text(TABLE.format("second"))
        assert await address_of(running) == "https://second.example/a"


async def test_two_that_add_the_same_name_at_once(kernel):
    outcomes = []
    async with kernel("") as opened:

        async def add(address):
            try:
                outcomes.append((await opened.catalogs.add("team", address)).catalog)
            except Conflict as error:
                outcomes.append(error.code)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(add, "https://one.example/a")
            nursery.start_soon(add, "https://two.example/a")
    assert sorted(outcomes) == ["ERR_CONFLICT", "team"]
