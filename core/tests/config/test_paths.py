from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from papin._paths import find_paths, make_folder
from papin.errors import ConfigInvalid, StorageFailed


def test_papin_home_moves_everything(tmp_path):
    paths = find_paths({"PAPIN_HOME": str(tmp_path / "p")})
    assert paths.config_file == tmp_path / "p" / "config.toml"
    assert (paths.data, paths.cache, paths.run) == tuple(tmp_path / "p" / name for name in ("data", "cache", "run"))
    assert not (tmp_path / "p").exists()


def test_papin_home_may_be_relative_or_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert find_paths({"PAPIN_HOME": "here"}).data == tmp_path / "here" / "data"
    assert find_paths({"PAPIN_HOME": "~/there"}).data == tmp_path / "me" / "there" / "data"


@pytest.mark.parametrize("home", ["/", "//", "/."])
def test_the_root_of_the_file_system_is_refused(home):
    with pytest.raises(ConfigInvalid, match="root of the file system"):
        find_paths({"PAPIN_HOME": home})


def test_without_it_the_folders_are_those_of_the_system(monkeypatch, tmp_path):
    for name in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    for environ in ({}, {"PAPIN_HOME": ""}):
        paths = find_paths(environ)
        assert len({paths.config_file.parent, paths.data, paths.cache, paths.run}) >= 3
        assert all("papin" in str(path) for path in (paths.config_file, paths.data, paths.cache, paths.run))


def test_papin_home_saves_the_import_of_platformdirs():
    code = "import sys; from papin._paths import find_paths; find_paths({'PAPIN_HOME': '/x'}); print('platformdirs' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_folders_are_made_for_the_user_alone(tmp_path):
    old = os.umask(0)
    try:
        made = make_folder(tmp_path / "a" / "b" / "c")
    finally:
        os.umask(old)
    assert [each.stat().st_mode & 0o777 for each in (made, made.parent, made.parent.parent)] == [0o700] * 3
    assert make_folder(made) == made


def test_a_folder_that_is_there_keeps_its_mode(tmp_path):
    tmp_path.chmod(0o750)
    make_folder(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o750


def test_what_is_no_folder_is_refused(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path in (file, file / "below", loop, tmp_path / "nul\0", tmp_path / ("n" * 300)):
        with pytest.raises(StorageFailed) as caught:
            make_folder(path)
        assert caught.value.next_step


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_refused(tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    os.chown(other, 12345, 12345)
    with pytest.raises(StorageFailed, match="belongs to another user"):
        make_folder(other)


def test_two_may_make_it_at_once(tmp_path):
    code = "import sys; from pathlib import Path; from papin._paths import make_folder; make_folder(Path(sys.argv[1]))"
    goal = tmp_path / "a" / "b"
    children = [subprocess.Popen([sys.executable, "-c", code, str(goal)]) for _ in range(4)]
    assert [child.wait() for child in children] == [0] * 4
    assert Path(goal).is_dir()
