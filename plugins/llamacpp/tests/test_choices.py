"""Which engine, which settings, which options: decisions without an engine."""

import subprocess
import sys
from datetime import UTC, datetime

import msgspec
import pytest

from papin.errors import ConfigInvalid
from papin.models import LoadSettings, Model
from papin_llamacpp._choices import defaults_for, is_as_wanted, resolve
from papin_llamacpp._options import translate
from papin_llamacpp._settings import LlamaCppSettings
from papin_llamacpp._spec import Record

DEFAULTS = LlamaCppSettings()


def model(context_length=None):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Model(id="m", ref="", files=(), installed_at=now, context_length=context_length)


def record(settings):
    return Record(
        engine="e",
        model="m",
        sha256="a",
        path="",
        address="",
        key="",
        pid=1,
        started=0.0,
        loaded_at=datetime(2026, 1, 1, tzinfo=UTC),
        settings=settings,
        n_ctx=1,
        program="",
    )


@pytest.mark.parametrize(
    ("trained", "wanted", "n_ctx"), [(None, None, 4096), (2048, None, 2048), (8192, None, 4096), (2048, 9000, 9000)]
)
def test_the_default_context_is_capped_and_a_wish_is_not(trained, wanted, n_ctx):
    assert resolve(model(trained), LoadSettings(n_ctx=wanted), DEFAULTS).n_ctx == n_ctx


def test_wishes_win_over_defaults():
    wanted = LoadSettings(n_threads=3, n_gpu_layers=0, flash_attn=False, n_parallel=2)
    found = resolve(model(), wanted, DEFAULTS)
    assert (found.n_threads, found.n_gpu_layers, found.flash_attn, found.n_parallel) == (3, 0, False, 2)
    assert found.cache_ram_mib == DEFAULTS.cache_ram_mib


def test_the_types_of_the_cache():
    found = resolve(model(), LoadSettings(cache_type_k="q8_0"), DEFAULTS)
    assert (found.cache_type_k, found.cache_type_v) == ("q8_0", "f16")
    assert not is_as_wanted(record(found), "a", LoadSettings(cache_type_k="q4_0"))
    with pytest.raises(ConfigInvalid, match="no type 'q3_k'"):
        resolve(model(), LoadSettings(cache_type_v="q3_k"), DEFAULTS)


def test_a_model_that_embeds_is_loaded_to_embed():
    assert resolve(model(), LoadSettings(), DEFAULTS).embedding is False
    assert resolve(model(), LoadSettings(), LlamaCppSettings(embedding=True)).embedding is True
    embeds = msgspec.structs.replace(model(), capabilities=("embedding",))
    assert resolve(embeds, LoadSettings(), DEFAULTS).embedding is True


def test_the_defaults_are_told_as_they_are_in_force():
    found = defaults_for(model(2048), LlamaCppSettings(n_threads=3, cache_type_k="q8_0", keep_alive=60))
    assert found == LoadSettings(
        n_ctx=2048, n_gpu_layers=-1, n_threads=3, n_parallel=1, cache_type_k="q8_0", cache_type_v="f16", keep_alive=60
    )


def test_a_default_that_is_the_models_or_the_engines_own_choice_is_not_told():
    found = defaults_for(model(2048), LlamaCppSettings(n_ctx=0))
    assert (found.n_ctx, found.n_threads, found.flash_attn) == (None, None, None)


def test_what_is_left_open_is_as_wanted():
    loaded = record(resolve(model(), LoadSettings(n_ctx=1000), DEFAULTS))
    assert is_as_wanted(loaded, "a", LoadSettings())
    assert is_as_wanted(loaded, "a", LoadSettings(n_ctx=1000, keep_alive=5))
    assert not is_as_wanted(loaded, "a", LoadSettings(n_ctx=1001))
    assert not is_as_wanted(loaded, "a", LoadSettings(flash_attn=True))
    assert not is_as_wanted(loaded, "b", LoadSettings())


def test_options_go_by_their_llama_cpp_names():
    assert translate({}) == {"reasoning_format": "none"}
    found = translate({"max_tokens": 5, "temp": 0.1, "stop": "END", "reasoning_format": "auto"})
    assert found == {"n_predict": 5, "temperature": 0.1, "stop": ["END"], "reasoning_format": "auto"}


@pytest.mark.parametrize("name", ["temprature", "model", "messages", "stream", "", "x" * 100])
def test_an_option_that_llama_cpp_would_ignore_is_refused(name):
    with pytest.raises(ConfigInvalid) as caught:
        translate({name: 1})
    assert caught.value.next_step.startswith("There is: ")


def test_the_nearest_option_is_offered():
    with pytest.raises(ConfigInvalid) as caught:
        translate({"temprature": 1})
    assert "temperature" in caught.value.next_step


@pytest.mark.parametrize(
    "table", [{"engine": "ollama"}, {"n_ctx": -1}, {"n_parallel": 0}, {"keepalive": 3}, {"n_gpu_layers": -2}]
)
def test_impossible_settings_are_refused(table):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(table, LlamaCppSettings)


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("papin_llamacpp.plugin", {"trio", "httpx", "psutil", "xllamacpp"}),
        ("papin_llamacpp.host", {"trio", "httpx", "pluggy", "xllamacpp"}),
    ],
)
def test_light_modules_import_nothing_heavy(module, unwanted):
    code = f"import sys, {module}; print(*sorted({unwanted!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
