"""The token file: private, kept, made anew when others could have read it, one for all servers."""

import os
import subprocess
import sys
import threading

import pytest

from papin.errors import StorageFailed
from papin_http._token import read_or_make


def test_a_token_is_made_once_and_kept(tmp_path):
    folder = tmp_path / "a" / "http"
    file, token = read_or_make(folder)
    assert read_or_make(folder) == (file, token)
    assert len(token) == 43
    assert file.read_text() == f"{token}\n"
    assert read_or_make(tmp_path / "b")[1] != token
    assert list(folder.iterdir()) == [file]


def test_only_the_user_can_read_it_whatever_the_umask_is(tmp_path):
    code = f"import os; os.umask(0); from papin_http._token import read_or_make; from pathlib import Path; read_or_make(Path({str(tmp_path)!r}) / 'http')"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (tmp_path / "http" / "token").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "http").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604])
def test_one_that_others_could_read_is_replaced(tmp_path, mode):
    file, old = read_or_make(tmp_path)
    file.chmod(mode)
    _, new = read_or_make(tmp_path)
    assert new != old
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff" * 43, b"x" * 44, b"x" * 42 + b" \n", b"x" * 1_000_000])
def test_one_that_is_no_token_is_replaced(tmp_path, content):
    file, _ = read_or_make(tmp_path)
    file.write_bytes(content)
    _, token = read_or_make(tmp_path)
    assert file.read_text() == f"{token}\n"


def test_a_link_is_replaced_and_what_it_names_is_left_alone(tmp_path):
    target = tmp_path / "other"
    target.write_text("t" * 43)
    target.chmod(0o600)
    (tmp_path / "http").mkdir()
    (tmp_path / "http" / "token").symlink_to(target)
    file, token = read_or_make(tmp_path / "http")
    assert token != "t" * 43
    assert target.read_text() == "t" * 43
    assert not file.is_symlink()


def test_a_pipe_in_its_place_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "token", 0o600)
    assert read_or_make(tmp_path)[0].is_file()


def test_servers_that_start_at_once_get_the_same_one(tmp_path):
    found = []
    threads = [threading.Thread(target=lambda: found.append(read_or_make(tmp_path)[1])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed) as caught:
        read_or_make(tmp_path / "file" / "http")
    assert "token file" in caught.value.message
    assert caught.value.next_step
