"""Setting a value: checked before it is written, written at once or not at all, and nothing else touched."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from typing import Annotated

import msgspec
import pytest

from papin import config
from papin.errors import ConfigInvalid, StorageFailed

TEXT = """\
# my settings
offline = true   # no network at home

[providers.llamacpp]
# ten minutes
keep_alive = 600
names = [
    "a",  # first
]

[[providers.llamacpp.extra]]
x = 1
"""


class Extra(msgspec.Struct, frozen=True):
    x: int


class Inner(msgspec.Struct, frozen=True, kw_only=True):
    depth: int = 1


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    keep_alive: Annotated[float, msgspec.Meta(ge=0)] = 300
    limit: int | None = None
    names: tuple[str, ...] = ()
    inner: Inner = Inner()
    extra: tuple[Extra, ...] = ()


TABLES = {("providers", "llamacpp"): Settings, ("catalogs", "shelf"): Settings}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "home" / "config.toml"


@pytest.fixture
def written(file):
    file.parent.mkdir()
    file.write_text(TEXT)
    return file


def set_value(file, key, text):
    return config.set_value(file, key, text, TABLES)


def get(file, *keys):
    found = tomllib.loads(file.read_text())
    for key in keys:
        found = found[key]
    return found


def test_the_first_value_makes_the_file_for_its_user_alone(file):
    assert set_value(file, "providers.llamacpp.keep_alive", "5") == 5
    assert get(file, "providers", "llamacpp", "keep_alive") == 5
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert [each.name for each in file.parent.iterdir()] == ["config.toml"]


def test_everything_else_stays_as_it_is(written):
    set_value(written, "providers.llamacpp.keep_alive", "60.5")
    assert written.read_text() == TEXT.replace("keep_alive = 600", "keep_alive = 60.5")


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("offline", "false", False),
        ("storage", "box", "box"),
        ("disabled_plugins", "acme,other", ["acme", "other"]),
        ("disabled_plugins", "", []),
        ("providers.llamacpp.limit", "3", 3),
        ("providers.llamacpp.limit", "1.5 kB", 1500),
        ("providers.llamacpp.names", "5GB", ["5GB"]),
        ("providers.llamacpp.names", "x", ["x"]),
        ("providers.llamacpp.inner.depth", "4", 4),
        ("catalogs.shelf.limit", "9", 9),
        ("catalogs.shelf.inner.depth", "9", 9),
        ("storage", 'quo"te\\ and = #', 'quo"te\\ and = #'),
    ],
)
def test_what_is_set_is_there(written, key, text, value):
    assert set_value(written, key, text) == value
    assert get(written, *key.split(".")) == value
    assert "# ten minutes" in written.read_text()
    config.load(written, {}).table("providers", "llamacpp", Settings)


def test_none_takes_the_key_away(written):
    set_value(written, "providers.llamacpp.limit", "3")
    assert set_value(written, "providers.llamacpp.limit", "null") is None
    assert written.read_text() == TEXT
    set_value(written, "providers.llamacpp.limit", "null")


@pytest.mark.parametrize(
    ("key", "text", "says"),
    [
        ("offline", "perhaps", "'perhaps' is no value for offline: it must be true or false"),
        ("providers.llamacpp.keep_alive", "-1", "it must be a number of 0.0 or more"),
        ("ofline", "true", "There is no setting ofline"),
        ("providers.llamacpp.keepalive", "1", "There is no setting providers.llamacpp.keepalive"),
        ("providers.llamacp.keep_alive", "1", "There is no setting providers.llamacp.keep_alive"),
        ("provider.llamacpp.keep_alive", "1", "There is no setting provider.llamacpp.keep_alive"),
        ("providers.llamacpp", "1", "There is no setting providers.llamacpp"),
        ("providers", "1", "There is no setting providers"),
        ("", "1", "There is no setting "),
        ("..", "1", "There is no setting .."),
        ("providers.llamacpp.inner.depth.x", "1", "There is no setting"),
    ],
)
def test_what_is_impossible_is_not_written(written, key, text, says):
    with pytest.raises(ConfigInvalid) as caught:
        set_value(written, key, text)
    assert says in caught.value.message
    assert caught.value.next_step
    assert written.read_text() == TEXT


def test_the_nearest_key_is_named(written):
    with pytest.raises(ConfigInvalid) as caught:
        set_value(written, "providers.llamacp.keep_alive", "1")
    assert caught.value.next_step == "Did you mean providers.llamacpp.keep_alive?"
    with pytest.raises(ConfigInvalid) as caught:
        set_value(written, "core.offline", "true")
    assert caught.value.next_step == "Did you mean offline?"


def test_a_broken_file_is_not_made_worse(file):
    file.parent.mkdir()
    file.write_text("offline = = 1\n")
    with pytest.raises(ConfigInvalid, match="line 1"):
        set_value(file, "offline", "true")
    assert file.read_text() == "offline = = 1\n"


def test_a_wrong_value_can_be_put_right(file):
    file.parent.mkdir()
    file.write_text("[providers.llamacpp]\nkeep_alive = 'x'\n")
    set_value(file, "providers.llamacpp.keep_alive", "1")
    assert config.load(file, {}).table("providers", "llamacpp", Settings).keep_alive == 1


@pytest.mark.parametrize(
    "text",
    [
        "providers = {llamacpp = {limit = 1}}\n",
        "providers.llamacpp.limit = 1\n",
        "[providers]\nllamacpp = {limit = 1}\n",
        "[providers]\nllamacpp.limit = 1\n",
        "['providers'.\"llamacpp\"]\nlimit = 1\n",
        "[providers.llamacpp.inner]\ndepth = 1\n[catalogs.shelf]\n[providers.other]\n",
        "\ufeff[providers.llamacpp]\r\nlimit = 1\r\n",
    ],
)
def test_however_the_file_is_written_nothing_else_changes_or_it_is_refused(file, text):
    file.parent.mkdir()
    file.write_text(text, newline="")
    wanted = tomllib.loads(text.lstrip("\ufeff").replace("\r\n", "\n"))
    wanted["providers"]["llamacpp"]["keep_alive"] = 7
    set_value(file, "providers.llamacpp.keep_alive", "7")
    assert tomllib.loads(file.read_text()) == wanted


def test_a_table_that_is_no_table_is_refused(file):
    file.parent.mkdir()
    file.write_text("providers = 3\n")
    with pytest.raises(ConfigInvalid, match="it must be a table"):
        set_value(file, "providers.llamacpp.limit", "1")


def test_a_link_is_written_through(written, tmp_path):
    real = tmp_path / "dotfiles.toml"
    written.rename(real)
    real.chmod(0o640)
    written.symlink_to(real)
    set_value(written, "offline", "false")
    assert written.is_symlink()
    assert get(real, "offline") is False
    assert real.stat().st_mode & 0o777 == 0o640


def test_a_place_that_is_no_folder_is_refused(tmp_path):
    (tmp_path / "home").write_text("")
    with pytest.raises(StorageFailed) as caught:
        set_value(tmp_path / "home" / "config.toml", "offline", "true")
    assert caught.value.next_step


def test_several_who_set_at_once_all_succeed(file):
    code = (
        "import sys, msgspec; from pathlib import Path; from papin import config\n"
        "S = msgspec.defstruct('S', [(f'k{n}', int, 0) for n in range(8)])\n"
        "config.set_value(Path(sys.argv[1]), f'providers.a.k{sys.argv[2]}', '5', {('providers', 'a'): S})\n"
    )
    children = [subprocess.Popen([sys.executable, "-c", code, str(file), str(number)]) for number in range(8)]
    assert [child.wait() for child in children] == [0] * 8
    assert get(file, "providers", "a") == {f"k{number}": 5 for number in range(8)}


def setting(file, *before):
    """Set a value in a process of its own, which `before` starts; returns what it said."""
    code = (
        "import sys; from pathlib import Path; from papin import config\n"
        "if sys.argv[2:]: import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "config.set_value(Path(sys.argv[1]), 'offline', 'false', {})\n"
    )
    command, last = (before, ()) if before != ("full",) else ((), ("full",))
    return subprocess.run(
        [*command, sys.executable, "-B", "-c", code, str(file), *last], capture_output=True, text=True
    ).stderr


def test_a_full_disk_leaves_the_file_as_it_was(written):
    assert "papin.errors.StorageFailed" in setting(written, "full")
    assert written.read_text() == TEXT
    assert [each.name for each in written.parent.iterdir()] == ["config.toml"]
    assert setting(written) == ""
    assert get(written, "offline") is False


@pytest.mark.faults
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_disk_that_fails_leaves_the_file_as_it_was(written, call, tmp_path):
    said = setting(written, "strace", "-f", "-o", str(tmp_path / "log"), "-e", f"inject={call}:error=EIO:when=1")
    assert "papin.errors.StorageFailed" in said
    assert written.read_text() == TEXT
    assert [each.name for each in written.parent.iterdir()] == ["config.toml"]


@pytest.mark.faults
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_being_killed_leaves_the_old_file_or_the_new_one(written, call, tmp_path):
    setting(written, "strace", "-f", "-o", str(tmp_path / "log"), "-e", f"inject={call}:signal=SIGKILL:when=1")
    assert written.read_text() in {TEXT, TEXT.replace("offline = true", "offline = false")}
    assert set_value(written, "storage", "box") == "box"
    assert [each.name for each in written.parent.iterdir()] == ["config.toml"]
