"""The settings of a model: each with its source, saved here or kept by a provider."""

import pytest

from papin import facts
from papin.errors import NameInvalid, NotFound, ProviderFailed
from papin.models import LoadSettings


def told(view):
    return {each.name: (each.value, each.source) for each in view.settings if each.source != "engine"}


async def test_each_value_has_its_source(folders, put_model):
    put_model(folders.add("folder"), "qwen3")
    async with folders.open() as kernel:
        view = await kernel.models.settings("qwen3")
        assert (view.model, view.provider, view.configures, told(view)) == ("folder:qwen3", "folder", True, {})
        await kernel.models.configure("qwen3", "folder", {"temperature": "0.7", "n_ctx": 1024})
        await kernel.models.edit("qwen3", settings={"temperature": 0.1})
        view = await kernel.models.settings("qwen3")
        assert told(view) == {"temperature": (0.1, "saved"), "n_ctx": (1024, "provider")}
        view = await kernel.models.configure("qwen3", "folder", {"n_ctx": None})
        assert told(view) == {"temperature": (0.1, "saved")}


async def test_what_is_in_memory_counts_and_what_a_program_does_by_itself_is_not_guessed(folders, put_model):
    put_model(folders.add("folder"), "qwen3")
    async with folders.open() as kernel:
        await kernel.models.configure("qwen3", "folder", {"n_ctx": 1024})
        await kernel.models.load("qwen3", LoadSettings(n_ctx=8))
        assert told(await kernel.models.settings("qwen3")) == {"n_ctx": (8, "provider")}
        await kernel.models.unload("qwen3")
        assert told(await kernel.models.settings("qwen3")) == {"n_ctx": (1024, "provider")}


async def test_settings_are_shown_though_nobody_says_what_is_in_memory(folders, put_model):
    put_model(folders.add("folder"), "qwen3")
    async with folders.open() as kernel:
        await kernel.models.configure("qwen3", "folder", {"n_ctx": 1024})
    folders.add("folder", behaviour="fails")
    async with folders.open() as kernel:
        assert told(await kernel.models.settings("qwen3", provider="folder")) == {"n_ctx": (1024, "provider")}


@pytest.mark.parametrize("change", [{"nonsense": 1}, {"n_ctx": "many"}])
async def test_what_cannot_be_meant_is_refused(folders, put_model, change):
    put_model(folders.add("folder"), "qwen3")
    async with folders.open() as kernel:
        for ask in (
            lambda: kernel.models.edit("qwen3", settings=change),
            lambda: kernel.models.configure("qwen3", "folder", change),
        ):
            with pytest.raises(NameInvalid):
                await ask()
        assert told(await kernel.models.settings("qwen3")) == {}


async def test_what_a_provider_cannot_take_is_said(folders, put_model):
    put_model(folders.install("picky", accepts=("n_ctx", "temperature")), "qwen3")
    async with folders.open() as kernel:
        with pytest.raises(NameInvalid, match="picky cannot take n_gpu_layers") as caught:
            await kernel.models.configure("qwen3", "picky", {"n_gpu_layers": 3})
        assert "n_ctx" in caught.value.next_step
        view = await kernel.models.settings("qwen3")
        assert [each.name for each in view.settings if each.is_taken] == ["n_ctx", "temperature"]
        loaded = await kernel.models.load("qwen3", LoadSettings(n_ctx=8, n_threads=2))
        assert loaded.ignored == ("n_threads",)


async def test_a_provider_without_the_model_is_not_configured(folders, put_model):
    put_model(folders.add("folder"), "qwen3")
    folders.add("second")
    async with folders.open() as kernel:
        with pytest.raises(NotFound):
            await kernel.models.configure("qwen3", "second", {"n_ctx": 1})
        view = await kernel.models.settings("qwen3", provider="second")
        assert (view.configures, view.fixed) == (False, "second does not have the model itself.")
        with pytest.raises((NotFound, ProviderFailed)):
            await kernel.models.settings("qwen3", provider="nobody")


async def test_what_ends_an_answer_and_the_template_are_told_as_they_are(folders, put_model):
    folder = folders.add("folder")
    put_model(folder, "qwen3")
    (folder / "qwen3.json").write_text('{"stop": "<|end|>", "template": "{{ .Prompt }}\\u001b[1m"}')
    async with folders.open() as kernel:
        view = await kernel.models.settings("qwen3")
    assert (view.stop, view.template) == ("<|end|>", "{{ .Prompt }}\x1b[1m")
    assert "\x1b" not in facts.lines(facts.of_settings(view))
    assert ("stop", "<|end|>") in list(facts.besides(view))


async def test_a_program_that_was_started_without_settings_says_so(folders, put_model):
    put_model(folders.add("folder", fixed="It was started so."), "qwen3")
    async with folders.open() as kernel:
        view = await kernel.models.settings("qwen3")
        assert (view.configures, view.fixed) == (False, "It was started so.")
        with pytest.raises(ProviderFailed, match="cannot be configured: It was started so"):
            await kernel.models.configure("qwen3", "folder", {"n_ctx": 1})


async def test_what_a_provider_says_of_a_model(folders, put_model):
    put_model(folders.add("folder"), "qwen3")
    async with folders.open() as kernel:
        await kernel.models.configure("qwen3", "folder", {"top_k": 3})
        found = await kernel.models.details("qwen3")
        assert (found.reference, found.parameters) == ("qwen3", {"top_k": "3"})
        with pytest.raises(NotFound):
            await kernel.models.details("qwen3", provider="second")
