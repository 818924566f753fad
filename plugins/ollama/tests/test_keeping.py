"""What Ollama keeps for its models: texts, settings and names."""

import os

import pytest

from papin.errors import ConfigInvalid, Conflict, NotFound, ProviderFailed
from papin.kernel import open_kernel
from papin_ollama._details import parameters, settings_of
from papin_ollama._wire import Show


def blobs(world):
    return {path.name for path in (world.ollama.models / "blobs").iterdir()}


def names(world):
    return sorted(each["name"] for each in world.ollama.get("/api/tags")["models"])


async def test_what_ollama_knows_of_a_model(world):
    world.ollama.add(world.file, "toy", system="Be brief.", license="Do what you want.")
    async with world.open() as session:
        found = await session.show("toy")
    assert (found.reference, found.system_prompt, found.license) == ("toy:latest", "Be brief.", "Do what you want.")
    assert "<|im_start|>" in found.template
    assert found.parameters == {"stop": "<|im_start|>, <|im_end|>"}
    assert found.metadata["general.architecture"] == "llama"
    assert found.metadata["llama.context_length"] == 8192


async def test_a_model_that_is_not_there(world):
    async with world.open() as session:
        for call in (session.show, session.settings, session.remove):
            with pytest.raises(NotFound):
                await call("gone")
        with pytest.raises(NotFound):
            await session.configure("gone", {"n_ctx": 512})
        for call in (session.copy, session.rename):
            with pytest.raises(NotFound):
                await call("gone", "other")
    assert names(world) == []


async def test_settings_are_set_and_taken_away(world):
    digest = world.ollama.add(world.file, "toy")
    async with world.open() as session:
        assert await session.settings("toy") == {}
        asked = {"n_ctx": 8192, "temperature": 0.25, "seed": 7, "system_prompt": "Be brief."}
        await session.configure("toy", asked)
        assert await session.settings("toy") == asked
        await session.configure("toy", {"temperature": None, "n_ctx": 4096})
        assert await session.settings("toy") == {"n_ctx": 4096, "seed": 7, "system_prompt": "Be brief."}
        await session.configure("toy", {"system_prompt": None, "seed": None, "n_ctx": None})
        assert await session.settings("toy") == {}
        assert "<|im_start|>" in (await session.show("toy")).template
        (listed,) = (await session.models()).models
    assert (listed.state, listed.files[0].sha256) == ("ready", digest)
    assert len(blobs(world)) == len(listed.files), "something is left behind"


async def test_what_it_has_for_a_model_is_shown_with_its_source_and_nothing_else_is_claimed(world, tmp_path):
    world.ollama.add(world.file, "plain")
    environ = {
        **os.environ,
        "PAPIN_HOME": str(tmp_path / "papin"),
        "PAPIN_PROVIDERS__OLLAMA__URL": world.ollama.url,
        "PAPIN_PROVIDERS__OLLAMA__MODELS": str(world.ollama.models),
    }
    theirs = {"n_ctx": 1024, "temperature": 0.25, "top_k": 20, "top_p": 0.5, "min_p": 0.1, "repeat_penalty": 1.25}
    theirs |= {"seed": 7, "n_predict": 64, "system_prompt": "Be brief."}
    async with open_kernel(environ=environ) as kernel:
        await kernel.providers.refresh(["ollama"])
        view = await kernel.models.settings("ollama:plain:latest", provider="ollama")
        assert {each.source for each in view.settings} == {"engine"}
        assert view.stop == "<|im_start|>, <|im_end|>"
        assert "<|im_start|>" in view.template
        await kernel.models.configure("ollama:plain:latest", "ollama", theirs)
        await kernel.models.edit("ollama:plain:latest", settings={"top_k": 3})
        view = await kernel.models.settings("ollama:plain:latest", provider="ollama")
        found = {each.name: (each.value, each.source) for each in view.settings if each.value is not None}
        assert found == {name: (value, "provider") for name, value in theirs.items()} | {"top_k": (3, "saved")}


async def test_settings_that_it_does_not_keep_are_refused(fake):
    fake.ollama.add(fake.file, "toy")
    async with fake.open() as session:
        for wrong in ({"n_parallel": 2}, {"n_ctx": "many"}, {"temperature": True}, {"system_prompt": 7}):
            with pytest.raises(ConfigInvalid):
                await session.configure("toy", wrong)
        assert await session.settings("toy") == {}


async def test_a_setting_of_an_ollama_elsewhere_cannot_be_taken_away(fake, tmp_path):
    fake.ollama.add(fake.file, "toy", parameters={"temperature": 0.5})
    async with fake.open(models=str(tmp_path / "none")) as session:
        await session.configure("toy", {"temperature": 0.75})
        assert await session.settings("toy") == {"temperature": 0.75}
        with pytest.raises(ProviderFailed, match="cannot take a setting away"):
            await session.configure("toy", {"temperature": None})


async def test_a_copy_is_a_second_name(world):
    digest = world.ollama.add(world.file, "toy")
    before = blobs(world)
    async with world.open() as session:
        await session.copy("toy", "copied:small")
        assert names(world) == ["copied:small", "toy:latest"]
        assert blobs(world) == before
        with pytest.raises(Conflict, match="opied:small already"):
            await session.copy("toy", "Copied:small")
        await session.rename("toy", "other")
        assert names(world) == ["copied:small", "other:latest"]
        await session.remove("copied:small")
        assert f"sha256-{digest}" in blobs(world)
        await session.remove("other")
    assert (names(world), blobs(world)) == ([], set())


async def test_a_shared_model_stays_papins_under_another_name(fake):
    async with fake.open() as session:
        await session.share(fake.model(), [fake.file], name="toy", copy=False)
        await session.rename("toy", "other")
        fake.ollama.add(fake.file, "toy")
        with pytest.raises(Conflict):
            await session.unshare("toy")
        await session.remove("toy")
        await session.unshare("other")
    assert (names(fake), blobs(fake)) == ([], set())


def test_parameters_are_lines_of_names_and_values():
    text = 'stop                           "<|im_start|>"\nstop                           "a \\"b\\""\ntemperature 0.5\n\n  x  \n'
    assert parameters(text) == {"stop": ["<|im_start|>", 'a "b"'], "temperature": ["0.5"], "x": [""]}


@pytest.mark.parametrize("text", ["temperature hot", "num_ctx 1.5", "seed", 'num_ctx "', "\x00"])
def test_values_that_are_none_are_left_out(text):
    assert settings_of(Show(parameters=text)) == {}
