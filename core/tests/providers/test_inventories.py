"""What providers have: asked at once, each within a bound, recorded, and never taken for deleted."""

import pytest
import trio

from papin.errors import NotFound
from papin.events import ProviderAppeared, ProviderChanged, ProviderVanished
from papin.library import open_library
from papin.shelf import is_foreign


async def events(kernel, *kinds):
    return [each.event for each in await kernel.journal.events() if isinstance(each.event, kinds)]


async def test_models_of_a_provider_are_listed_and_found(folders, put_model):
    put_model(folders.add("folder"), "qwen3")
    async with folders.open() as kernel:
        (model,) = await kernel.models.list()
        assert (model.id, model.source, model.size, model.format) == ("folder:qwen3", "folder", 7, "gguf")
        assert [(each.provider, each.reference) for each in model.placements] == [("folder", "qwen3")]
        for name in ("folder:qwen3", "qwen3", "folder:qw", "qw"):
            assert (await kernel.models.show(name)).id == "folder:qwen3"
        with pytest.raises(NotFound):
            await kernel.models.show("folder:gone")
    with open_library(folders.environ) as library:
        assert [each.id for each in library.models()] == ["folder:qwen3"]
        assert library.summaries().where == (("folder",),)
        assert library.find("qwen3").id == "folder:qwen3"


async def test_a_list_is_read_again_when_its_folder_changed_and_only_then(folders, put_model):
    folder = folders.add("folder")
    with open_library(folders.environ) as library:
        async with folders.open() as kernel:
            assert await kernel.models.list() == ()
            assert library.is_current()
            assert await kernel.providers.refresh_stale() == ()
            put_model(folder, "new")
            assert not library.is_current()
            assert [each.provider for each in await kernel.providers.refresh_stale()] == ["folder"]
            assert library.is_current()


async def test_a_new_instance_makes_the_list_stale(folders):
    async with folders.open() as kernel:
        await kernel.providers.refresh_stale()
    folders.add("second")
    with open_library(folders.environ) as library:
        assert not library.is_current()
        async with folders.open() as kernel:
            assert [each.provider for each in await kernel.providers.refresh_stale()] == ["folder", "second"]
        assert library.is_current()


async def test_another_folder_makes_the_list_stale(folders, put_model, tmp_path):
    put_model(folders.add("folder"), "qwen3")
    async with folders.open() as kernel:
        await kernel.providers.refresh_stale()
    other = tmp_path / "other"
    other.mkdir()
    put_model(other, "gemma3")
    folders.add("folder", path=str(other))
    async with folders.open() as kernel:
        await kernel.providers.refresh_stale()
        assert [model.id for model in await kernel.models.list()] == ["folder:gemma3"]


async def test_calls_that_begin_together_see_what_each_of_them_has_to(folders, put_model):
    names = ("folder", "second", "third")
    places = {name: folders.add(name) for name in names}
    async with folders.open() as kernel:
        await kernel.providers.refresh()
        for turn in ("one", "two"):
            for folder in places.values():
                put_model(folder, turn)
            found = {}

            async def ask(name, found=found):
                (inventory,) = await kernel.providers.refresh([name])
                found[name] = [model.reference for model in inventory.listing.models]

            async with trio.open_nursery() as nursery:
                for name in names:
                    nursery.start_soon(ask, name)
            assert all(turn in found[name] for name in names)
        changed = [(event.provider, event.added) for event in await events(kernel, ProviderChanged)]
        assert sorted(changed) == [(name, (turn,)) for name in sorted(names) for turn in ("one", "two")]


async def test_appearing_changing_and_vanishing_are_journalled(folders, put_model):
    folder = folders.add("folder")
    path = put_model(folder, "one")
    async with folders.open() as kernel:
        await kernel.providers.refresh()
        await kernel.providers.refresh()
        put_model(folder, "two")
        path.unlink()
        await kernel.providers.refresh()
        found = await events(kernel, ProviderAppeared, ProviderChanged, ProviderVanished)
    assert found == [
        ProviderAppeared(provider="folder"),
        ProviderChanged(provider="folder", added=("two",), removed=("one",)),
    ]
    folders.add("folder", behaviour="fails")
    async with folders.open() as kernel:
        await kernel.providers.refresh()
        await kernel.providers.refresh()
        assert (await events(kernel, ProviderVanished)) == [ProviderVanished(provider="folder")]


@pytest.mark.parametrize("behaviour", ["hangs", "hangs-opening", "lies", "floods", "fails", "crashes"])
async def test_a_list_that_cannot_be_had_is_the_last_one_with_its_problem(folders, put_model, behaviour, patient_clock):
    put_model(folders.add("folder"), "precious")
    async with folders.open() as kernel:
        await kernel.providers.refresh()
    folders.add("folder", behaviour=behaviour)
    async with folders.open() as kernel:
        (inventory,) = await kernel.providers.refresh()
        assert inventory.problem is not None
        assert inventory.problem.next_step
        assert [each.reference for each in inventory.listing.models] == ["precious"]
        assert [each.id for each in await kernel.models.list()] == ["folder:precious"]
        with open_library(folders.environ) as library:
            assert library.is_current(), "it is not asked again and again"


async def test_a_program_that_is_gone_keeps_what_may_still_be_there(folders, put_model):
    folder = folders.add("folder")
    put_model(folder, "stays")
    gone = put_model(folder, "gone")
    async with folders.open() as kernel:
        await kernel.providers.refresh()
    gone.unlink()
    folders.add("folder", behaviour="absent")
    async with folders.open() as kernel:
        (inventory,) = await kernel.providers.refresh()
        assert not inventory.listing.is_present
        assert [each.reference for each in inventory.listing.models] == ["stays"]


async def test_ten_providers_of_which_six_misbehave(folders, put_model, patient_clock):
    bad = ["hangs", "hangs", "hangs", "lies", "lies", "floods"]
    for number, behaviour in enumerate(bad):
        folders.add(f"bad{number}", behaviour=behaviour)
    for number in range(3):
        put_model(folders.add(f"good{number}"), f"model{number}", b"x" * (number + 1))
    async with folders.open() as kernel:
        began = trio.current_time()
        found = {each.provider: each for each in await kernel.providers.refresh()}
        assert trio.current_time() - began <= 2.01
        assert sorted(name for name, each in found.items() if each.problem) == [f"bad{n}" for n in range(6)]
        assert [len(found[f"good{n}"].listing.models) for n in range(3)] == [1, 1, 1]
        began = trio.current_time()
        statuses = {each.name: each.state for each in await kernel.providers.list()}
        assert trio.current_time() - began <= 2.01
        assert [statuses[f"good{n}"] for n in range(3)] == ["ready"] * 3
        assert statuses["bad0"] == "failed"


async def test_what_others_have_is_recorded_while_one_hangs(folders, put_model):
    folders.add("bad", behaviour="hangs")
    folders.add("worse", behaviour="hangs-opening")
    put_model(folders.add("folder"), "qwen3")
    async with folders.open() as kernel, trio.open_nursery() as nursery:
        with kernel.bus.subscribe() as frames:
            nursery.start_soon(kernel.providers.refresh)
            async for frame in frames:
                if frame.envelope.event == ProviderAppeared(provider="folder"):
                    break
        nursery.cancel_scope.cancel()
    with open_library(folders.environ) as library:
        assert [each.id for each in library.models()] == ["folder:qwen3"]
        assert not library.is_current(), "not all have told what they have"


async def test_one_that_does_not_open_is_given_up_once(folders, patient_clock):
    folders.add("bad", behaviour="hangs-opening")
    async with folders.open() as kernel:
        for ask in (kernel.providers.refresh, kernel.providers.list, kernel.providers.loaded):
            began = trio.current_time()
            await ask()
            assert trio.current_time() - began <= 4.01
        inventory = (await kernel.providers.refresh(["bad"]))[0]
        assert "did not open within 4 s" in inventory.problem.message


async def test_the_same_file_in_two_programs_is_one_model(folders, put_model):
    first, second = folders.add("folder"), folders.add("second")
    path = put_model(first, "mine")
    (second / "theirs.gguf").hardlink_to(path)
    put_model(second, "other", b"something else")
    async with folders.open() as kernel:
        models = {each.id: each for each in await kernel.models.list()}
        assert sorted(models) == ["folder:mine", "second:other"]
        assert [each.provider for each in models["folder:mine"].placements] == ["folder", "second"]
        assert (await kernel.models.show("theirs")).id == "folder:mine"
        assert (await kernel.models.show("second:theirs")).id == "second:theirs", "who names one means that one"
        assert all(is_foreign(each) for each in models.values())


async def test_hidden_providers_are_forgotten(folders, put_model):
    put_model(folders.add("second"), "model")
    async with folders.open() as kernel:
        assert len(await kernel.models.list()) == 1
    config = folders.home / "config.toml"
    config.write_text(config.read_text().partition("[providers.second]")[0])
    async with folders.open() as kernel:
        assert await kernel.models.list() == ()


async def test_refreshing_an_unknown_provider_names_those_there_are(folders):
    async with folders.open() as kernel:
        with pytest.raises(NotFound) as caught:
            await kernel.providers.refresh(["nobody"])
        assert "folder" in caught.value.next_step
