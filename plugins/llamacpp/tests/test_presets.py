"""A router's presets: read, and edited without touching what papin did not write."""

import configparser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papin.errors import ConfigInvalid
from papin.models import ModelSettings
from papin_llamacpp._servers.presets import FLAGS, edit, read

OWN = """; a person's own file
[*]
threads = 8

[qwen]
; bigger than usual
c = 16384
temperature = 0.2
chat-template-file = /t.jinja

[other]
ngl = auto
fa = off
"""


def test_read_in_all_spellings():
    assert read(OWN, "qwen") == {"n_ctx": 16384, "temperature": 0.2}
    assert read(OWN, "other") == {"n_gpu_layers": -1, "flash_attn": False}
    assert read(OWN, "nobody") == {}
    assert read("", "m") == {}


def test_what_makes_no_sense_is_not_read():
    assert read("[m]\nctx-size = many\nflash-attn = auto\n= 3\ntop-k\n", "m") == {}


def test_edit_keeps_what_others_wrote():
    text = edit(OWN, "qwen", {"n_ctx": 8192, "temperature": None, "n_gpu_layers": -1, "flash_attn": True})
    assert read(text, "qwen") == {"n_ctx": 8192, "n_gpu_layers": -1, "flash_attn": True}
    assert read(text, "other") == read(OWN, "other")
    for line in ("; a person's own file", "; bigger than usual", "chat-template-file = /t.jinja", "threads = 8"):
        assert line in text
    assert "c = 16384" not in text
    assert text.count("[qwen]") == 1


def test_a_new_section_and_its_end():
    text = edit(OWN, "new:Q4_K_M", {"n_ctx": 1})
    assert read(text, "new:Q4_K_M") == {"n_ctx": 1}
    assert edit(text, "new:Q4_K_M", {"n_ctx": None}).count("[") == OWN.count("[")
    assert edit("", "m", {"n_ctx": None}) == ""


@pytest.mark.parametrize("name", ["a]b", "a\nb", "", " a", "a\x1b"])
def test_names_that_would_break_the_file(name):
    with pytest.raises(ConfigInvalid, match="cannot hold a model"):
        edit("", name, {"n_ctx": 1})


@pytest.mark.parametrize(
    ("setting", "value"), [("system_prompt", "hi"), ("keep_alive", 1), ("cache_type_k", "a\nb = c")]
)
def test_settings_that_a_preset_cannot_hold(setting, value):
    with pytest.raises(ConfigInvalid):
        edit("", "m", {setting: value})


def test_the_flags_are_settings_of_papin():
    assert set(FLAGS) <= set(ModelSettings.__struct_fields__)


SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "n_ctx": st.integers(0, 1 << 20), "n_gpu_layers": st.integers(-1, 200), "flash_attn": st.booleans(),
        "temperature": st.floats(0, 2), "cache_type_v": st.sampled_from(["f16", "q8_0"]), "seed": st.integers(0, 9),
    },
)  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(["a", "b/c:Q4", "d e"]), SETTINGS), max_size=6))
def test_what_is_written_is_read(edits):
    text, known = OWN, {}
    for name, settings in edits:
        text = edit(text, name, settings)
        known.setdefault(name, {}).update(settings)
    for name, settings in known.items():
        assert read(text, name) == settings
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    assert "qwen" in parser
