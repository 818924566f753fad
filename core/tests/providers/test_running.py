"""Running models, whichever provider has them."""

import pytest
import trio.testing

from papin.errors import EngineMissing, FormatInvalid, InUse, NotFound, PluginFailed, ProviderFailed
from papin.events import ModelLoaded, ModelLoadFailed, ModelUnloaded
from papin.models import LoadSettings, Message, Model, Placement
from papin.providers import Provider
from papin.testing.samples import NOW

HELLO = [Message(role="user", content="hello")]


async def said(kernel, ref, **options):
    async with kernel.models.chat(ref, HELLO, **options) as replies:
        return "".join([each.text async for each in replies])


async def test_a_provider_runs_what_only_it_has(folders, put_model):
    put_model(folders.add("folder"), "qwen3")
    async with folders.open() as kernel:
        assert "user:hello" in await said(kernel, "qwen3")
        (loaded,) = await kernel.models.loaded()
        assert (loaded.model, loaded.reference, loaded.provider) == ("folder:qwen3", "qwen3", "folder")
        model = await kernel.models.show("qwen3")
        assert model.uses == 1
        assert model.last_used_at is not None
        assert await kernel.models.unload("qwen3") is True
        assert await kernel.models.unload("qwen3") is False
        kinds = (ModelLoaded, ModelLoadFailed, ModelUnloaded)
        told = [each.event for each in await kernel.journal.events() if isinstance(each.event, kinds)]
        assert told == [
            ModelLoaded(model="folder:qwen3", provider="folder"),
            ModelUnloaded(model="folder:qwen3", provider="folder"),
        ]


async def test_what_answers_is_neither_unloaded_nor_removed_unless_by_force(folders, put_model):
    folder = folders.add("folder")
    put_model(folder, "qwen3")
    async with folders.open() as kernel:
        await kernel.models.load("qwen3")
        (folder / "qwen3.answering").write_text("2")
        assert [each.answering for each in await kernel.models.loaded()] == [2]
        with pytest.raises(InUse, match="answering 2 requests now") as caught:
            await kernel.models.unload("qwen3")
        assert "papin models unload folder:qwen3 --force" in caught.value.next_step
        assert (await kernel.models.plan_removal("folder:qwen3")).answering == 2
        with pytest.raises(InUse, match="loaded by folder, answering 2 requests now"):
            await kernel.models.remove("folder:qwen3")
        assert await kernel.models.unload("qwen3", force=True) is True
        await kernel.models.load("qwen3")
        assert (await kernel.models.remove("folder:qwen3", force=True)).answering == 2
        assert await kernel.models.loaded() == ()


async def test_completing_and_embedding(folders, put_model):
    put_model(folders.add("folder"), "qwen3")
    async with folders.open() as kernel:
        async with kernel.models.complete("qwen3", "once upon") as replies:
            assert "".join([each.text async for each in replies]).strip() == "once upon"
        found = await kernel.models.embed("qwen3", ["a", "bcd"])
        assert found.vectors == ((1.0, 1.0), (3.0, 1.0))


async def test_saved_settings_are_said_and_asked_ones_win(folders, put_model):
    put_model(folders.add("folder"), "qwen3")
    async with folders.open() as kernel:
        settings = {"system_prompt": "be brief", "temperature": "0.5", "top_k": 3, "n_ctx": 512}
        changed = await kernel.models.edit("qwen3", settings=settings, add_tags=["work"], favourite=True)
        assert (changed.tags, changed.favourite) == (("work",), True)
        answer = await said(kernel, "qwen3", options={"top_k": 7})
        assert answer.startswith("system:be brief user:hello")
        assert '"temperature": 0.5' in answer
        assert '"top_k": 7' in answer
        assert "n_ctx" not in answer


async def test_what_somebody_else_loaded_counts_as_used(folders, put_model):
    folder = folders.add("folder")
    put_model(folder, "qwen3")
    (folder / "qwen3.loaded").write_text(NOW.isoformat())
    async with folders.open() as kernel:
        await kernel.models.list()
        for _ in range(3):
            await kernel.models.loaded()
        model = await kernel.models.show("qwen3")
        assert (model.uses, model.last_used_at) == (1, NOW)


async def test_what_a_program_tells_by_itself_has_papins_name(folders, put_model):
    put_model(folders.add("folder"), "qwen3")
    async with folders.open() as kernel:
        await kernel.models.load("qwen3")
        (await kernel._services.provider("folder")).end("qwen3")
        await trio.testing.wait_all_tasks_blocked()
    async with folders.open() as kernel:
        told = [each.event for each in await kernel.journal.events() if isinstance(each.event, ModelUnloaded)]
    assert told == [ModelUnloaded(model="folder:qwen3", provider="folder", reason="idle")]


async def test_another_provider_says_that_it_does_not_have_it(folders, put_model):
    put_model(folders.add("folder"), "qwen3")
    folders.add("second")
    async with folders.open() as kernel:
        with pytest.raises(ProviderFailed, match="second does not run folder:qwen3"):
            await kernel.models.load("qwen3", provider="second")
        with pytest.raises(NotFound):
            await kernel.models.load("qwen3", provider="nobody")


async def test_a_program_that_does_not_run_is_not_the_last_word(folders, tiny_gguf, put_model):
    put_model(folders.add("gone", behaviour="idle"), "qwen3", tiny_gguf())
    folders.install("runner", settings={"runs_files": True}, runs_files=True)
    async with folders.open() as kernel:
        loaded = await kernel.models.load("gone:qwen3")
        assert loaded.provider == "runner"
        with pytest.raises(EngineMissing, match="gone does not run"):
            await kernel.models.load("gone:qwen3", provider="gone")


async def test_a_hanging_provider_does_not_hold_up_the_run_of_another(folders, put_model, patient_clock):
    put_model(folders.add("folder"), "qwen3")
    folders.add("stuck", behaviour="hangs")
    async with folders.open() as kernel:
        assert "user:hello" in await said(kernel, "qwen3")


@pytest.mark.parametrize(("behaviour", "verb"), [("hangs", "answer within 2 s"), ("hangs-opening", "open within 4 s")])
async def test_one_that_is_too_slow_is_told_of_alike_whatever_it_is_asked(
    folders, put_model, patient_clock, behaviour, verb
):
    put_model(folders.add("folder"), "qwen3")
    async with folders.open() as kernel:
        await kernel.models.list()
    folders.add("folder", behaviour=behaviour)
    async with folders.open() as kernel:
        for ask in (
            lambda: kernel.models.settings("qwen3", provider="folder"),
            lambda: kernel.models.load("qwen3", provider="folder"),
        ):
            with pytest.raises(ProviderFailed, match=f"folder did not {verb}") as caught:
                await ask()
            assert "papin providers show folder" in caught.value.next_step


async def test_a_crash_of_a_provider_is_its_failure(folders, put_model):
    put_model(folders.add("folder"), "qwen3")
    async with folders.open() as kernel:
        await kernel.models.list()
    folders.add("folder", behaviour="crashes")
    async with folders.open() as kernel:
        with pytest.raises(PluginFailed):
            await kernel.models.load("qwen3")


# --- the choice, which is pure ---


def model(model_id="m", *providers):
    places = tuple(Placement(provider=each, reference="x", how="in-place") for each in providers)
    return Model(id=model_id, ref="", files=(), installed_at=NOW, format="gguf", placements=places)


def provider(name, *, runs_files=False):
    return Provider(name=name, summary="", open=lambda _: None, formats=("gguf",), runs_files=runs_files)


KNOWN = {
    "files": provider("files", runs_files=True),
    "one": provider("one"),
    "two": provider("two"),
}


@pytest.mark.parametrize(
    ("wanted", "loaded_in", "has_files", "expected"),
    [
        (model("m"), (), True, ("files",)),
        (model("m"), (), False, ()),
        (model("m", "one"), (), True, ("files", "one")),
        (model("m", "one"), ("one",), True, ("one", "files")),
        (model("one:x", "one", "two"), (), False, ("one", "two")),
        (model("one:x", "one"), (), True, ("one", "files")),
        (model("one:x", "one"), ("two",), True, ("one", "files")),
    ],
)
def test_who_runs_a_model(wanted, loaded_in, has_files, expected):
    from papin._operations._runners import candidates

    assert candidates(wanted, KNOWN, loaded_in=loaded_in, has_files=has_files) == expected


async def test_what_nobody_runs_is_a_format_problem(folders, put_model):
    put_model(folders.add("folder"), "qwen3")
    async with folders.open() as kernel:
        await kernel.models.list()
        config = folders.home / "config.toml"
        config.write_text(config.read_text().replace("disabled_plugins = [", "disabled_plugins = ['folder', "))
    async with folders.open() as kernel:
        with pytest.raises((FormatInvalid, NotFound)):
            await kernel.models.load("qwen3", LoadSettings())
