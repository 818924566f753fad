"""Reading the configuration: defaults, or what it says, or the place where it says something impossible."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import pytest

from papin import config
from papin._paths import find_paths
from papin.errors import ConfigInvalid


class Inner(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    depth: int = 1


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    keep_alive: Annotated[float, msgspec.Meta(ge=0)] = 300
    limit: int | None = None
    folder: Path | None = None
    names: tuple[str, ...] = ()
    token: str = ""
    inner: Inner = Inner()
    flags: dict[str, bool] = {}

    def __post_init__(self):
        if self.limit == 13:
            raise ValueError("13 is unlucky")


TABLE = ("providers", "llamacpp")
TABLES = {TABLE: Settings}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "config.toml"


def settings(file, environ=None):
    return config.load(file, environ or {}).table(*TABLE, Settings)


def refusal(file, environ=None):
    with pytest.raises(ConfigInvalid) as caught:
        settings(file, environ)
    assert caught.value.next_step
    return caught.value


# --- nothing said -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [None, "", "\n\n", "# only a comment\n", "\ufeff"])
def test_a_missing_or_empty_file_means_the_defaults(file, text):
    if text is not None:
        file.write_text(text, encoding="utf-8")
    assert config.load(file, {}).core == config.CoreSettings()
    assert settings(file) == Settings()


def test_the_usual_place_is_that_of_the_paths(tmp_path):
    environ = {"PAPIN_HOME": str(tmp_path)}
    (tmp_path / "config.toml").write_text("offline = true\n")
    for place in (None, find_paths(environ), tmp_path / "config.toml"):
        assert config.load(place, environ).core.offline is True
    assert config.find_file(environ) == tmp_path / "config.toml"


# --- something said -----------------------------------------------------------------------------------------------


def test_a_file_says_what_its_tables_say(file):
    file.write_text(
        "\ufeffoffline = true\ndisabled_plugins = ['acme']\r\n[providers.llamacpp]\nkeep_alive = 5\nfolder = '~/models'\n"
        "inner = {depth = 3}\n[providers.other]\nanything = 'is its own business'\n",
        encoding="utf-8",
    )
    loaded = config.load(file, {})
    assert loaded.core == config.CoreSettings(offline=True, disabled_plugins=("acme",))
    assert loaded.table(*TABLE, Settings) == Settings(
        keep_alive=5, folder=Path("~/models").expanduser(), inner=Inner(depth=3)
    )


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("KEEP_ALIVE", "600", "keep_alive", 600),
        ("KEEP_ALIVE", "0.5", "keep_alive", 0.5),
        ("LIMIT", "7", "limit", 7),
        ("LIMIT", "null", "limit", None),
        ("FOLDER", "/models", "folder", Path("/models")),
        ("NAMES", "a, b", "names", ("a", "b")),
        ("NAMES", "a", "names", ("a",)),
        ("NAMES", "", "names", ()),
        ("NAMES", '["a,b", "c"]', "names", ("a,b", "c")),
        ("TOKEN", "0123", "token", "0123"),
        ("INNER__DEPTH", "4", "inner", Inner(depth=4)),
        ("INNER", "{depth = 5}", "inner", Inner(depth=5)),
        ("FLAGS", "{a = true}", "flags", {"a": True}),
    ],
)
def test_a_variable_wins_over_the_file(file, variable, text, field, value):
    file.write_text("[providers.llamacpp]\nkeep_alive = 1\nlimit = 1\nnames = ['x']\n")
    assert getattr(settings(file, {f"PAPIN_PROVIDERS__LLAMACPP__{variable}": text}), field) == value


def test_variables_mix_with_the_file_key_by_key(file):
    file.write_text("[providers.llamacpp]\nkeep_alive = 1\n[providers.llamacpp.inner]\ndepth = 9\n")
    found = settings(file, {"PAPIN_PROVIDERS__LLAMACPP__LIMIT": "2"})
    assert (found.keep_alive, found.limit, found.inner) == (1, 2, Inner(depth=9))


def test_a_dash_in_a_name_is_an_underscore_in_a_variable(file):
    environ = {"PAPIN_CATALOGS__MY_SHELF__LIMIT": "3"}
    assert config.load(file, environ).table("catalogs", "my-shelf", Settings).limit == 3


@pytest.mark.parametrize(("text", "value"), [("1", True), ("true", True), ("0", False), ("false", False)])
def test_core_settings_have_variables_too(file, text, value):
    file.write_text(f"offline = {str(not value).lower()}\n")
    assert config.load(file, {"PAPIN_OFFLINE": text}).core.offline is value


def test_variables_of_others_do_not_matter(file):
    environ = {
        "PAPIN_HOME": "/x",
        "PAPIN_FRONTEND": "tui",
        "_PAPIN_COMPLETE": "bash",
        "papin_nonsense": "1",
        "HOME": "/",
    }
    assert config.load(file, environ).core == config.CoreSettings()


# --- something impossible said ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("offline = maybe\n", 1, "invalid value"),
        ("a = 1\n\n\nb = = 2\n", 4, "invalid value"),
        ("offline = true\noffline = false\n", 2, "cannot overwrite a value"),
        ("[providers.a]\n[providers.a]\n", 2, "cannot declare"),
        ("offline = 'yes'\n", 1, "offline: it must be true or false"),
        ("\nofline = true\n", 2, "ofline: there is no such setting"),
        ("[provider.llamacpp]\nx = 1\n", 1, "provider: there is no such setting"),
        ("providers = 3\n", 1, "providers: it must hold tables"),
        ("offline = true\n[providers]\nllamacpp = 3\n", 2, "providers: it must hold tables"),
        ("storage = ['store']\n", 1, "storage: it must be a text"),
        ("disabled_plugins = 'acme'\n", 1, "disabled_plugins: it must be a list"),
        ("[providers.llamacpp]\n# comment\nkeep_alive = '5'\n", 3, "keep_alive: it must be a number"),
        ("[providers.llamacpp]\nlimit = 2\nkeep_alive = -1\n", 3, "keep_alive: it must be a number of 0.0 or more"),
        (
            "[providers]\nllamacpp.keep_alive = -1\n",
            2,
            "providers.llamacpp.keep_alive: it must be a number of 0.0 or more",
        ),
        ("[providers.other]\nkeep_alive = -1\n[providers.llamacpp]\nkeepalive = 1\n", 4, "keepalive: there is no such"),
        ("[providers.llamacpp]\nnames = ['a', 2]\n", 2, "names: it must be a text"),
        ("[providers.llamacpp.inner]\ndepth = 'x'\n", 2, "inner.depth: it must be a whole number"),
        ("[providers.llamacpp]\ninner = {depht = 1}\n", 2, "inner: object contains unknown field depht"),
        ("[providers.llamacpp]\nkeep_alive = 1\nlimit = 13\n", 1, "13 is unlucky"),
        ("[providers.llamacpp]\nfolder = 7\n", 2, "folder: it must be a path"),
    ],
)
def test_what_is_impossible_is_told_with_file_line_and_key(file, text, line, says):
    file.write_text(text)
    message = refusal(file).message
    assert message.startswith(f"{file}, line {line}: ")
    assert says in message.lower().replace(f"{file}".lower(), "") or says in message


def test_an_unknown_key_is_told_with_the_nearest(file):
    file.write_text("[providers.llamacpp]\nkeep_alife = 1\n")
    assert refusal(file).next_step == "Did you mean keep_alive?"


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("PAPIN_OFFLINE", "maybe", "it must be true or false"),
        ("PAPIN_OFFLINE", "", "it must be true or false"),
        ("PAPIN_OFLINE", "1", "sets ofline, and there is no such setting"),
        ("PAPIN_OFFLINE__DEEP", "1", "sets deep, and there is no such setting"),
        ("PAPIN_", "1", "there is no such setting"),
        ("PAPIN_PROVIDERS", "1", "names no setting"),
        ("PAPIN_PROVIDERS__LLAMACPP", "1", "names no setting"),
        ("PAPIN_PROVIDERS__LLAMACPP__KEEP_ALIVE", "long", "it must be a number"),
        ("PAPIN_PROVIDERS__LLAMACPP__KEEP_ALIVE", "-1", "it must be a number of 0.0 or more"),
        ("PAPIN_PROVIDERS__LLAMACPP__KEEP_ALIVE", "\udcff", "it is not UTF-8"),
        ("PAPIN_PROVIDERS__LLAMACPP__KEEPALIVE", "1", "sets keepalive, and there is no such setting"),
        ("PAPIN_PROVIDERS__LLAMACPP__LIMIT", "13", "13 is unlucky"),
        ("PAPIN_PROVIDERS__LLAMACPP__INNER__DEPHT", "1", "sets depht, and there is no such setting"),
        ("PAPIN_PROVIDERS__LLAMACPP__FLAGS", "[" * 5000, "it must be a table"),
    ],
)
def test_an_impossible_variable_is_told_by_its_name(file, name, text, says):
    error = refusal(file, {name: text})
    assert f"variable {name}" in error.message
    assert says in error.message


def test_the_line_is_that_of_the_key_and_not_of_its_namesakes(file):
    file.write_text(
        "# keep_alive = 'x'\n[catalogs.llamacpp]\nkeep_alive = 'x'\n"
        '["providers"."llamacpp"]\nnames = ["keep_alive = 1"]\n"keep_alive" = "x"\n'
    )
    assert ", line 6: providers.llamacpp.keep_alive: " in refusal(file).message


# --- files that are none ------------------------------------------------------------------------------------------


def test_a_file_that_is_not_utf_8_is_told_with_its_line(file):
    file.write_bytes(b"offline = true\n# caf\xe9\n")
    assert f"{file}, line 2: it is not UTF-8" in refusal(file).message


def test_a_huge_file_is_refused_without_reading_it(file):
    with file.open("wb") as opened:
        opened.truncate(1 << 30)
    assert "more than 1048576 bytes" in refusal(file).message


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 100_000, "a = 1" + "0" * 5000, "a = {b = " * 5_000], ids=["deep", "digits", "tables"]
)
def test_a_file_that_means_harm_is_refused(file, text):
    file.write_text(text)
    assert str(file) in refusal(file).message


def test_what_cannot_be_read_as_a_file_is_refused(file):
    file.mkdir()
    assert str(file) in refusal(file).message
    file.rmdir()
    os.mkfifo(file)
    assert "it is not a regular file" in refusal(file).message
    file.unlink()
    file.symlink_to("/dev/zero")
    assert "it is not a regular file" in refusal(file).message


def test_a_loop_of_links_and_a_dangling_one_are_refused(file, tmp_path):
    other = tmp_path / "other.toml"
    file.symlink_to(other)
    assert "a link to a file that is not there" in refusal(file).message
    other.symlink_to(file)
    assert "it cannot be read" in refusal(file).message


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "home").write_text("")
    assert "it cannot be read" in refusal(tmp_path / "home" / "config.toml").message


def test_an_unreadable_file_is_refused(file):
    file.write_text("offline = true\n")
    file.chmod(0)
    code = f"from papin import config; config.load(__import__('pathlib').Path({str(file)!r}), {{}})"
    drop = "import os; os.geteuid() or os.setresuid(65534, 65534, 65534); "
    file.parent.chmod(0o755)
    for parent in file.parent.parents:
        if parent.owner() == "root" and parent != Path("/") and str(parent).startswith("/tmp/pytest"):
            parent.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", f"from papin import config; {drop}{code}"], capture_output=True, text=True
    )
    assert "papin.errors.ConfigInvalid" in done.stderr
    assert "it cannot be read: Permission denied" in done.stderr


# --- showing it ---------------------------------------------------------------------------------------------------


def test_rows_tell_where_each_value_comes_from(file):
    file.write_text("storage = 'box'\n[providers.llamacpp]\nkeep_alive = 5\n[providers.llamacpp.inner]\ndepth = 2\n")
    environ = {"PAPIN_OFFLINE": "1", "PAPIN_PROVIDERS__LLAMACPP__LIMIT": "3"}
    rows = {row.key: (row.value, row.source) for row in config.load(file, environ).rows(TABLES)}
    assert rows == {
        "offline": (True, "PAPIN_OFFLINE"),
        "storage": ("box", "file"),
        "disabled_plugins": ((), "default"),
        "downloads_at_once": (2, "default"),
        "download_limit": (0, "default"),
        "download_between": ("", "default"),
        "keep_replaced_days": (14, "default"),
        "refresh_catalogs_days": (0, "default"),
        "read_in_background": (True, "default"),
        "providers.llamacpp.keep_alive": (5, "file"),
        "providers.llamacpp.limit": (3, "PAPIN_PROVIDERS__LLAMACPP__LIMIT"),
        "providers.llamacpp.folder": (None, "default"),
        "providers.llamacpp.names": ((), "default"),
        "providers.llamacpp.token": ("", "default"),
        "providers.llamacpp.inner": ({"depth": 2}, "file"),
        "providers.llamacpp.flags": ({}, "default"),
    }


def test_secrets_are_not_shown(file):
    file.write_text("[providers.llamacpp]\ntoken = 'hunter2'\n")
    rows = list(config.load(file, {}).rows(TABLES))
    assert "hunter2" not in repr(rows)
    assert [row.value for row in rows if row.key.endswith("token")] == ["(set, not shown)"]


def test_no_error_repeats_a_secret(file):
    error = refusal(file, {"PAPIN_PROVIDERS__LLAMACPP__KEEP_ALIVE": "hunter2"})
    assert "hunter2" not in error.message + error.next_step


# --- what it costs ------------------------------------------------------------------------------------------------


def test_a_machine_without_a_file_pays_for_no_parser(tmp_path):
    code = "import sys; from papin import config; config.load(); print(sorted({'tomllib', 'tomlkit', 'trio', 'platformdirs'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PAPIN_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


def test_a_home_that_is_a_file_is_told_with_what_to_do(tmp_path):
    (tmp_path / "home").write_text("")
    assert "set PAPIN_HOME to another one" in refusal(tmp_path / "home" / "config.toml").next_step
