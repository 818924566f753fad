"""Refreshing catalogs, searching, browsing and looking at models in a kernel."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import trio

from papin._index import State
from papin._operations._catalogs import due
from papin.catalogs import Page
from papin.discovery import ROWS
from papin.errors import NameInvalid, NotFound, TransferFailed
from papin.events import CatalogRefreshed
from papin.library import open_library
from papin.models import CatalogEntry, HttpSource, Variant, WantedFile

from .conftest import SOURCE

GB = 10**9


def entry(name, *sizes, **facts):
    variants = tuple(
        Variant(
            ref=f"hub:{name}:{quantization}",
            catalog="hub",
            name=name,
            variant=quantization,
            quantization=quantization,
            format="gguf",
            size=None if size is None else int(size * GB),
            files=(WantedFile(name=f"{quantization}.gguf", sources=(HttpSource(url="https://hub.example/m.gguf"),)),),
        )
        for quantization, size in sizes
    )
    facts = {"title": name.rpartition("/")[2], "formats": ("gguf",)} | facts
    return CatalogEntry(ref=f"hub:{name}", catalog="hub", name=name, variants=variants, **facts)


A = entry("acme/lake-1b", ("Q8_0", 1.2), ("Q4_K_M", 0.7), ("F16", 2.4), downloads=50, capabilities=("chat", "text"))
B = entry("acme/sea-400b", ("Q4_K_M", 400), downloads=90, capabilities=("vision",))
C = entry("acme/pond", ("Q4_K_M", 0.1), license="mit")


def pages(*told):
    """Return pages by the state after which they are told: "" is before the first, then 1, 2 ..."""
    return {
        str(number or ""): Page(state=str(number + 1), entries=entries, more=number + 1 < len(told))
        for number, entries in enumerate(told)
    }


async def test_a_refresh_brings_in_all_pages_and_then_asks_once(hub):
    hub.tell(pages=pages((A, B), (C,)))
    async with hub.kernel() as kernel:
        steps = []
        (done,) = await kernel.catalogs.refresh(["hub"], on_refresh=steps.append)
        assert (done.changed, done.models, done.problem) == (3, 3, None)
        assert [each.models for each in steps] == [2, 3]
        assert hub.asked() == ["refresh ", "refresh 1"]
        (again,) = await kernel.catalogs.refresh(["hub"])
        assert (again.changed, again.gone) == (0, 0)
        assert hub.asked() == ["refresh 2"]
        events = [each.event for each in await kernel.journal.events()]
        assert CatalogRefreshed(catalog="hub", changed=3) in events


async def test_a_refresh_that_broke_off_goes_on_where_it_was(hub):
    told = pages((A,), (B,), (C,))
    hub.tell(pages={state: page for state, page in told.items() if state != "2"} | {"2": Page(state="2", more=True)})
    async with hub.kernel() as kernel:
        (done,) = await kernel.catalogs.refresh(["hub"])
        assert "for ever" in done.problem.message
        hub.asked()
        hub.tell(pages=told)
        (done,) = await kernel.catalogs.refresh(["hub"])
        assert (done.changed, done.problem) == (1, None)
        assert hub.asked() == ["refresh 2"]


async def test_a_catalog_that_fails_is_marked_and_keeps_what_it_told(hub):
    hub.tell(pages=pages((A,)))
    async with hub.kernel() as kernel:
        await kernel.catalogs.refresh()
        hub.tell(fails=True)
        done = {each.catalog: each for each in await kernel.catalogs.refresh()}
        assert (done["hub"].problem.message, done["starter"].problem) == ("the hub is away", None)
        status = {each.name: each for each in await kernel.catalogs.list()}["hub"]
        assert (status.state, status.models, status.problem.code) == ("failed", 1, TransferFailed.code)
        found = await kernel.discovery.search("lake")
        assert ([card.entry.name for card in found.cards], found.stale) == ([A.name], ("hub",))
        assert (await kernel.discovery.search("smollm2")).stale == ()


async def test_offline_nobody_is_asked_and_nobody_has_failed(hub):
    hub.tell(pages=pages((A,)))
    async with hub.kernel(offline=True) as kernel:
        (done,) = await kernel.catalogs.refresh(["hub"])
        assert done.problem.code == "ERR_OFFLINE"
        assert hub.asked() == []
        assert {each.name: each.state for each in await kernel.catalogs.list()}["hub"] == "ready"


async def test_a_catalog_that_is_not_there(hub):
    async with hub.kernel() as kernel:
        with pytest.raises(NotFound, match="no catalog 'hud'"):
            await kernel.catalogs.refresh(["hud"])


async def test_nothing_is_asked_of_the_network_until_somebody_says_so(hub):
    hub.tell(entries=[A])
    async with hub.kernel() as kernel:
        assert (await kernel.discovery.search("lake")).cards == ()
        assert await kernel.discovery.rows()
        assert hub.asked() == []
        assert [card.entry.name for card in (await kernel.discovery.search("lake", online=True)).cards] == [A.name]
        assert hub.asked() == ["search lake"]
        assert (await kernel.discovery.search("lake")).cards != ()


async def test_two_refreshes_at_once_ask_once(hub):
    hub.tell(pages=pages((A,)))
    async with hub.kernel() as kernel, trio.open_nursery() as nursery:
        nursery.start_soon(kernel.catalogs.refresh, ["hub"])
        nursery.start_soon(kernel.catalogs.refresh, ["hub"])
    assert sorted(hub.asked()) == ["refresh ", "refresh 1"]


@pytest.mark.parametrize("page", ["None", "Page(state=5)", "Page(state='1', entries=(7,))", "Page(state='1', gone=3)"])
async def test_a_page_that_is_none_is_the_plugins_failure_alone(hub, site, page):
    source = SOURCE.replace("LOCAL", "False").replace(
        "return told.pages.get(state) or Page(state=state)", f"return {page}"
    )
    site.install("odd", source=source.replace('"hub"', '"odd"'))
    async with hub.kernel() as kernel:
        done = {each.catalog: each for each in await kernel.catalogs.refresh()}
        assert done["odd"].problem.code == "ERR_PLUGIN"
        assert done["starter"].problem is None


def test_when_catalogs_are_due():
    now = datetime(2026, 3, 1, tzinfo=UTC)
    states = {"a": State(refreshed_at=now - timedelta(days=2)), "b": State(refreshed_at=now - timedelta(hours=1))}
    assert due(["a", "b"], states, now, 7) == timedelta(days=5).total_seconds()
    assert due(["a", "b"], states, now, 1) == 0
    assert due(["a", "b", "new"], states, now, 7) == 0
    assert due(["b"], states, now, 1) == timedelta(hours=23).total_seconds()


async def test_catalogs_are_kept_fresh_only_where_the_user_said_so(hub):
    hub.tell(pages=pages((A,)))
    async with hub.kernel() as kernel:
        await kernel.catalogs.keep_fresh()
        assert hub.asked() == []
    with (hub.home / "config.toml").open("a") as file:
        file.write("refresh_catalogs_days = 7\n")
    async with hub.kernel(offline=True) as kernel:
        await kernel.catalogs.keep_fresh()
        assert hub.asked() == []
    async with hub.kernel() as kernel, trio.open_nursery() as nursery:
        with kernel.bus.subscribe() as frames, trio.fail_after(60):
            nursery.start_soon(kernel.catalogs.keep_fresh)
            async for frame in frames:
                if frame.envelope.event == CatalogRefreshed(catalog="hub", changed=1):
                    break
        nursery.cancel_scope.cancel()
    assert hub.asked() == ["refresh "]


# --- the default choice -------------------------------------------------------------------------------------------


async def test_a_name_without_variant_is_the_best_balance_that_fits(hub):
    hub.tell(entries=[A, B])
    async with hub.kernel() as kernel:
        assert (await kernel.catalogs.resolve("hub:acme/lake-1b")).variant == "Q4_K_M"
        assert (await kernel.catalogs.resolve("hub:acme/lake-1b:F16")).variant == "F16"
        assert (await kernel.catalogs.resolve("hub:acme/sea-400b")).variant == "Q4_K_M"
        with pytest.raises(NotFound):
            await kernel.catalogs.resolve("hub:acme/lake-1b:Q2_K")
        assert (await kernel.downloads.plan("hub:acme/lake-1b:Q8_0")).ref == "hub:acme/lake-1b:Q8_0"


# --- pages --------------------------------------------------------------------------------------------------------


async def test_the_page_of_a_model_says_which_variant_to_take(hub):
    hub.tell(entries=[A])
    async with hub.kernel() as kernel:
        page = await kernel.discovery.show("hub:acme/lake-1b")
        notes = {each.variant.variant: each.note for each in page.variants}
        assert notes["Q4_K_M"] == "best balance for this machine"
        assert [each.variant.variant for each in page.variants if each.is_default] == ["Q4_K_M"]
        assert (page.installed, page.problem) == ((), None)
        assert [source.ref for source in page.sources] == ["hub:acme/lake-1b"]


async def test_the_page_of_one_variant_needs_it_to_be_there(hub):
    hub.tell(entries=[A])
    async with hub.kernel() as kernel:
        assert len((await kernel.discovery.show("hub:acme/lake-1b:q8_0")).variants) == len(A.variants)
        with pytest.raises(NotFound, match="no such variant"):
            await kernel.discovery.show("hub:acme/lake-1b:Q9_9")


async def test_what_a_catalog_has_not_it_says_itself_and_the_nearest_is_named(hub):
    hub.tell(pages=pages((A,)), entries=[A])
    async with hub.kernel() as kernel:
        await kernel.catalogs.refresh(["hub"])
        for ask in (kernel.catalogs.resolve, kernel.discovery.show):
            with pytest.raises(NotFound, match="the hub has no such model") as caught:
                await ask("hub:acme/lake-1bb")
            assert caught.value.next_step == f"none The nearest: {A.ref}."
            with pytest.raises(NotFound, match="no such variant") as caught:
                await ask(f"{A.ref}:Q9_9")
            assert caught.value.next_step == "none"


async def test_a_catalog_is_called_by_its_name_too_and_a_mistyped_one_is_told(hub, site):
    other = SOURCE.replace("LOCAL", "False").replace('name="hub", prefix="hub"', 'name="harbour", prefix="hb"')
    site.install("harbour", source=other)
    told = msgspec.convert(msgspec.to_builtins(A) | {"ref": f"hb:{A.name}", "catalog": "harbour"}, CatalogEntry)
    hub.tell(entries=[told])
    async with hub.kernel() as kernel:
        assert (await kernel.discovery.show(f"harbour:{A.name}")).entry.ref == f"hb:{A.name}"
        with pytest.raises(NotFound) as caught:
            await kernel.discovery.show("startr:smollm2")
        assert caught.value.next_step.startswith("The nearest: starter:smollm2.")


async def test_a_catalog_that_is_away_leaves_the_page_as_it_was_told(hub):
    hub.tell(pages=pages((A,)))
    async with hub.kernel() as kernel:
        await kernel.catalogs.refresh(["hub"])
        hub.tell(fails=True)
        page = await kernel.discovery.show("hub:acme/lake-1b")
        assert (page.entry.name, page.problem.message) == (A.name, "the hub is away")
        with pytest.raises(TransferFailed):
            await kernel.discovery.show("hub:acme/other")


async def test_a_name_alone_is_looked_for_in_all_that_is_indexed(hub):
    hub.tell(pages=pages((A, C)), entries=[A, C])
    async with hub.kernel() as kernel:
        await kernel.catalogs.refresh(["hub"])
        assert (await kernel.discovery.show("acme/pond")).entry.ref == "hub:acme/pond"
        assert (await kernel.discovery.show("smollm2")).entry.ref == "starter:smollm2"
        with pytest.raises(NotFound) as caught:
            await kernel.discovery.show("acme/pnod")
        assert "hub:acme/pond" in caught.value.next_step


async def test_a_name_that_only_a_server_has_is_told_and_not_taken(hub):
    hub.tell(pages=pages((A, C)), entries=[A, C])
    async with hub.kernel() as kernel:
        await kernel.catalogs.refresh(["hub"])
        with pytest.raises(NotFound) as caught:
            await kernel.catalogs.resolve("acme/pond")
        assert caught.value.next_step.startswith("The nearest: hub:acme/pond")


# --- rows ---------------------------------------------------------------------------------------------------------


async def test_rows(hub):
    dated = msgspec.structs.replace(C, created_at="2026-01-01T00:00:00Z")
    hub.tell(pages=pages((A, B, msgspec.convert(msgspec.to_builtins(dated), CatalogEntry))))
    async with hub.kernel() as kernel:
        await kernel.catalogs.refresh(["hub"])
        rows = {row.name: [card.entry.name for card in row.cards] for row in await kernel.discovery.rows()}
        assert rows["popular"][0] == A.name, "what does not fit is no recommendation"
        assert rows["new"] == [C.name]
        assert rows["chat"] == [A.name, "smollm2"]
        assert "vision" not in rows
        assert len(set(map(tuple, rows.values()))) == len(rows), "a row that shows what another one does"
        assert set(rows["recommended"]) == {A.name, C.name, "smollm2"}
        recommended = await kernel.discovery.browse("recommended", limit=2)
        assert len(recommended.cards) == 2
        assert all(card.why for card in recommended.cards)
        with pytest.raises(NotFound, match="no row") as error:
            await kernel.discovery.browse("soap-operas")
        assert error.value.next_step.startswith(f"Rows: {', '.join(ROWS)}")
        with pytest.raises(NotFound, match="no row") as error:
            await kernel.discovery.browse("popula")
        assert error.value.next_step.startswith("The nearest: popular")
        for limit in (0, 1001):
            with pytest.raises(NameInvalid):
                await kernel.discovery.browse("popular", limit=limit)


async def test_of_a_model_of_several_sizes_the_one_that_suits_is_recommended_and_named(hub):
    sizes = [
        Variant(ref=f"hub:acme/river:{size}b", catalog="hub", name="acme/river", variant=f"{size}b",
                parameters=size * 10**9, format="gguf")
        for size in (1, 4, 4000)
    ]  # fmt: skip
    hub.tell(pages=pages((msgspec.structs.replace(entry("acme/river"), variants=tuple(sizes)),)))
    async with hub.kernel() as kernel:
        await kernel.catalogs.refresh(["hub"])
        found = [each.ref for each in await kernel.advice.recommend() if each.ref.startswith("hub:acme/river")]
        assert found == ["hub:acme/river:4b"]
        row = await kernel.discovery.browse("recommended")
        (card,) = (each for each in row.cards if each.entry.name == "acme/river")
        assert card.why.startswith("4b needs about ")


async def test_what_is_recommended_for_a_task_can_do_it_and_says_so(hub):
    coder = entry("acme/coder", ("Q4_K_M", 0.2), capabilities=("chat", "code"))
    hub.tell(pages=pages((A, C, coder)))
    async with hub.kernel() as kernel:
        await kernel.catalogs.refresh(["hub"])
        (found,) = await kernel.advice.recommend("Code")
        assert found.ref == "hub:acme/coder:Q4_K_M"
        assert found.reason.startswith("made for code; ")
        assert {each.ref for each in await kernel.advice.recommend()} > {found.ref, "hub:acme/pond:Q4_K_M"}
        with pytest.raises(NotFound) as caught:
            await kernel.advice.recommend("codee")
        assert caught.value.next_step == "The nearest: code."


async def test_the_recommended_row_for_a_task_has_only_what_can_do_it(hub):
    coder = entry("acme/coder", ("Q4_K_M", 0.2), capabilities=("chat", "code"))
    hub.tell(pages=pages((A, C, coder)))
    async with hub.kernel() as kernel:
        await kernel.catalogs.refresh(["hub"])
        row = await kernel.discovery.browse("recommended", task="Code")
        assert [card.entry.name for card in row.cards] == ["acme/coder"]
        assert row.cards[0].why.startswith("made for code; ")
        assert row.title == "Recommended for this machine and for how you use models: for programming"
        with pytest.raises(NotFound, match="no task"):
            await kernel.discovery.browse("recommended", task="opera")
        with pytest.raises(NameInvalid) as caught:
            await kernel.discovery.browse("popular", task="code")
        assert caught.value.next_step == "papin models browse recommended --task code"


# --- without a kernel ---------------------------------------------------------------------------------------------


async def test_catalogs_of_which_nothing_is_known_are_named(hub):
    hub.tell(fails=True)
    async with hub.kernel() as kernel:
        assert "hub" in (await kernel.discovery.search("lake")).unasked
        await kernel.catalogs.refresh(["hub"])
        assert "hub" in await kernel.discovery.unasked(), "it failed"
        hub.tell(pages=pages((A,)))
        await kernel.catalogs.refresh(["hub"])
        assert "hub" not in await kernel.discovery.unasked()
        assert (await kernel.discovery.search("hub:lake")).unasked == await kernel.discovery.unasked()


async def test_a_reference_is_searched_in_its_catalog(hub):
    hub.tell(pages=pages((A, B)))
    async with hub.kernel() as kernel:
        await kernel.catalogs.refresh(["hub"])
        found = await kernel.discovery.search(f"{A.ref}:Q4_K_M")
        assert [card.entry.ref for card in found.cards] == [A.ref]
        assert not (await kernel.discovery.search(f"starter:{A.name}")).cards
    with open_library({"PAPIN_HOME": str(hub.home)}) as library:
        assert library.search(f"{A.ref}:Q4_K_M") == found


async def test_the_library_searches_what_a_kernel_brought_in(hub):
    environ = {"PAPIN_HOME": str(hub.home)}
    with open_library(environ) as library:
        assert library.search("lake") is None, "nobody ever looked"
    hub.tell(pages=pages((A, B)))
    async with hub.kernel() as kernel:
        await kernel.catalogs.refresh(["hub"])
        there = await kernel.discovery.search("fits:yes sort:downloads")
    with open_library(environ) as library:
        assert library.search("fits:yes sort:downloads") == there
        assert library.complete_search("can:v") == ["can:vision"]
        assert "provider:llamacpp" in library.complete_search("provider:llama")
