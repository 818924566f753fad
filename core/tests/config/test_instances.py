"""Several instances of one provider: tables with a `kind`."""

import msgspec
import pytest

from papin import config
from papin.errors import ConfigInvalid


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: str = ""
    keep_alive: float = 300


class Other(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    path: str = ""


TABLES = {("providers", "ollama"): Settings, ("providers", "found"): Other}
TEXT = '[providers.gpu-box]\nkind = "ollama"\nurl = "http://gpu-box:11434"\n'


@pytest.fixture
def file(tmp_path):
    return tmp_path / "config.toml"


def test_an_instance_has_settings_of_its_own(file):
    file.write_text(f"{TEXT}[providers.ollama]\nkeep_alive = 5\n")
    loaded = config.load(file, {})
    assert loaded.instances == {("providers", "gpu-box"): "ollama"}
    assert loaded.table("providers", "gpu-box", Settings) == Settings(url="http://gpu-box:11434")
    assert loaded.table("providers", "ollama", Settings) == Settings(keep_alive=5)


def test_variables_win_and_make_instances(file):
    file.write_text(TEXT)
    environ = {
        "PAPIN_PROVIDERS__GPU_BOX__URL": "http://other",
        "PAPIN_PROVIDERS__NAS__KIND": "ollama",
        "PAPIN_PROVIDERS__NAS__URL": "http://nas",
    }
    loaded = config.load(file, environ)
    assert loaded.instances == {("providers", "gpu-box"): "ollama", ("providers", "nas"): "ollama"}
    assert loaded.table("providers", "gpu-box", Settings).url == "http://other"
    assert loaded.table("providers", "nas", Settings).url == "http://nas"


def test_a_variable_changes_the_kind_of_an_instance_in_the_file(file):
    file.write_text('[providers.gpu-box]\nkind = "ollama"\n')
    assert config.load(file, {"PAPIN_PROVIDERS__GPU_BOX__KIND": "found"}).instances == {
        ("providers", "gpu-box"): "found"
    }


def test_rows_show_instances_and_their_kind(file):
    file.write_text(f'{TEXT}[providers.gone]\nkind = "vanished"\npath = "/x"\n')
    rows = {row.key: (row.value, row.source) for row in config.load(file, {}).rows(TABLES)}
    assert rows["providers.gpu-box.kind"] == ("ollama", "file")
    assert rows["providers.gpu-box.url"] == ("http://gpu-box:11434", "file")
    assert rows["providers.gpu-box.keep_alive"] == (300, "default")
    assert rows["providers.gone.kind"] == ("vanished", "file")
    assert "providers.gone.path" not in rows


def test_instances_are_made_and_changed_by_setting(file):
    assert config.set_value(file, "providers.gpu-box.kind", "ollama", TABLES) == "ollama"
    assert config.set_value(file, "providers.gpu-box.keep_alive", "7", TABLES) == 7
    loaded = config.load(file, {})
    assert loaded.instances == {("providers", "gpu-box"): "ollama"}
    assert loaded.table("providers", "gpu-box", Settings).keep_alive == 7


def test_a_kind_that_is_not_there_is_refused_with_the_nearest(file):
    with pytest.raises(ConfigInvalid, match="'olama'") as caught:
        config.set_value(file, "providers.gpu-box.kind", "olama", TABLES)
    assert "ollama" in caught.value.next_step
    assert not file.exists()


def test_a_kind_that_other_settings_do_not_fit_is_refused(file):
    file.write_text(TEXT)
    with pytest.raises(ConfigInvalid, match="url"):
        config.set_value(file, "providers.gpu-box.kind", "found", TABLES)
    assert file.read_text() == TEXT


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('[providers."Gpu Box"]\nkind = "ollama"\n', "lower-case"),
        ('[providers."../x"]\nkind = "ollama"\n', "lower-case"),
        ("[providers.box]\nkind = 3\n", "must name a provider"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(file, text, what):
    file.write_text(text)
    with pytest.raises(ConfigInvalid, match=what) as caught:
        config.load(file, {})
    assert "line" in caught.value.message
