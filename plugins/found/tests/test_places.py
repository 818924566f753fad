"""Where each program keeps its models, on each system and as the environment says."""

from pathlib import Path

import pytest

from papin_found import _places
from papin_found._places import Machine

from .layouts import put

HOME = Path("/home/u")


def on(system="linux", **environ):
    return Machine(home=HOME, system=system, environ=environ)


@pytest.mark.parametrize(
    ("place", "machine", "folder"),
    [
        (_places.jan, on(), "/home/u/.local/share/Jan/data"),
        (_places.jan, on("darwin"), "/home/u/Library/Application Support/Jan/data"),
        (_places.jan, on("win32", APPDATA="/appdata"), "/appdata/Jan/data"),
        (_places.gpt4all, on(), "/home/u/.local/share/nomic.ai/GPT4All"),
        (_places.gpt4all, on("win32", LOCALAPPDATA="/local"), "/local/nomic.ai/GPT4All"),
        (_places.gpt4all, on("darwin"), "/home/u/Library/Application Support/nomic.ai/GPT4All"),
        (_places.huggingface, on(), "/home/u/.cache/huggingface/hub"),
        (_places.huggingface, on("darwin"), "/home/u/.cache/huggingface/hub"),
        (_places.huggingface, on(HF_HUB_CACHE="/a", HF_HOME="/b"), "/a"),
        (_places.huggingface, on(HUGGINGFACE_HUB_CACHE="/c", HF_HOME="/b"), "/c"),
        (_places.huggingface, on(HF_HOME="~/b"), "/home/u/b/hub"),
        (_places.huggingface, on(XDG_CACHE_HOME="/x"), "/x/huggingface/hub"),
        (_places.llamacpp, on(), "/home/u/.cache/llama.cpp"),
        (_places.llamacpp, on("darwin"), "/home/u/Library/Caches/llama.cpp"),
        (_places.llamacpp, on(LLAMA_CACHE="/l"), "/l"),
        (_places.docker, on(), "/home/u/.docker/models"),
        (_places.ramalama, on(RAMALAMA_STORE="/r"), "/r"),
    ],
)
def test_places(place, machine, folder):
    assert place(machine) == Path(folder)


def test_lmstudio_of_today(tmp_path):
    assert _places.lmstudio(Machine(home=tmp_path)) == tmp_path / ".lmstudio/models"


def test_lmstudio_of_before(tmp_path):
    (tmp_path / ".cache/lm-studio").mkdir(parents=True)
    assert _places.lmstudio(Machine(home=tmp_path)) == tmp_path / ".cache/lm-studio/models"


def test_lmstudio_where_its_pointer_and_its_settings_say(tmp_path):
    put(tmp_path / ".lmstudio-home-pointer", f"{tmp_path}/moved\n")
    assert _places.lmstudio(Machine(home=tmp_path)) == tmp_path / "moved/models"
    put(tmp_path / "moved/settings.json", f'{{"downloadsFolder": "{tmp_path}/disk"}}')
    assert _places.lmstudio(Machine(home=tmp_path)) == tmp_path / "disk"


@pytest.mark.parametrize("text", ["", "[]", "[" * 100_000, '{"downloadsFolder": 3}', '{"downloadsFolder": "relative"}'])
def test_lmstudio_with_settings_that_say_nothing(tmp_path, text):
    put(tmp_path / ".lmstudio/settings.json", text)
    assert _places.lmstudio(Machine(home=tmp_path)) == tmp_path / ".lmstudio/models"
