"""A model's files in another program's folder: made once, taken back exactly, whatever happened in between."""

import subprocess
import sys
from pathlib import Path

import pytest

from papin.errors import Conflict, StorageFailed
from papin.shares import is_shared, share, take_back


@pytest.fixture
def files(tmp_path):
    made = {}
    for name in ("m-00001-of-00002.gguf", "m-00002-of-00002.gguf"):
        path = tmp_path / "store" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode())
        made[name] = path
    return made


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "program" / "m"


@pytest.fixture
def note(tmp_path):
    return tmp_path / "papin" / "m.json"


def listed(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else None


def test_shared_and_taken_back(files, folder, note):
    assert share(folder, files, note) in {"reflink", "hardlink"}
    assert listed(folder) == sorted(files)
    assert all((folder / name).read_bytes() == path.read_bytes() for name, path in files.items())
    assert is_shared(note)
    assert take_back(note) is True
    assert listed(folder) is None
    assert all(path.exists() for path in files.values())
    assert take_back(note) is False
    assert not note.exists()


def test_twice_is_once(files, folder, note):
    share(folder, files, note)
    inodes = {path.name: path.stat().st_ino for path in folder.iterdir()}
    share(folder, files, note)
    assert {path.name: path.stat().st_ino for path in folder.iterdir()} == inodes


def test_what_is_missing_is_made_again(files, folder, note):
    share(folder, files, note)
    (folder / "m-00001-of-00002.gguf").unlink()
    assert not is_shared(note)
    share(folder, files, note)
    assert listed(folder) == sorted(files)
    assert is_shared(note)


def test_somebody_elses_file_is_a_conflict_and_stays(files, folder, note):
    folder.mkdir(parents=True)
    (folder / "m-00002-of-00002.gguf").write_text("theirs")
    with pytest.raises(Conflict):
        share(folder, files, note)
    assert listed(folder) == ["m-00002-of-00002.gguf"]
    assert (folder / "m-00002-of-00002.gguf").read_text() == "theirs"
    assert not note.exists()


def test_a_name_that_led_there_already_is_not_taken_back(files, folder, note):
    folder.mkdir(parents=True)
    (folder / "m-00001-of-00002.gguf").symlink_to(files["m-00001-of-00002.gguf"])
    share(folder, files, note)
    assert listed(folder) == sorted(files)
    assert is_shared(note)
    take_back(note)
    assert listed(folder) == ["m-00001-of-00002.gguf"]


def test_what_was_replaced_since_is_left_alone(files, folder, note):
    share(folder, files, note)
    (folder / "m-00001-of-00002.gguf").unlink()
    (folder / "m-00001-of-00002.gguf").write_text("theirs")
    (folder / "notes.txt").write_text("theirs too")
    assert take_back(note) is True
    assert listed(folder) == ["m-00001-of-00002.gguf", "notes.txt"]


def test_a_second_folder_is_a_conflict(files, folder, note, tmp_path):
    share(folder, files, note)
    with pytest.raises(Conflict, match="shared already"):
        share(tmp_path / "elsewhere", files, note)


def test_an_attempt_that_fails_leaves_what_was_there_before(files, folder, note, tmp_path):
    share(folder, files, note)
    with pytest.raises(StorageFailed):
        share(folder, files | {"mmproj.gguf": tmp_path / "gone"}, note)
    assert listed(folder) == sorted(files)
    assert is_shared(note)


@pytest.fixture(params=["link", "copy"])
def killed(tmp_path, request):
    """Attempts that were killed before one call to the system or another."""
    base = tmp_path / "attempts"
    killed = Path(__file__).with_name("killed.py")
    subprocess.run([sys.executable, killed, base, request.param], check=True, timeout=60)
    found = sorted(base.iterdir(), key=lambda each: int(each.name))
    assert len(found) > 20
    return found


def sources(attempt):
    return {path.name: path for path in (attempt / "store").iterdir()}


def test_an_attempt_that_was_killed_is_gone_on_with(killed):
    seen = set()
    for attempt in killed:
        before = listed(attempt / "program" / "m") or []
        seen |= {len(before), *(".tmp" for name in before if name.endswith(".tmp"))}
        files, note = sources(attempt), attempt / "papin" / "m.json"
        share(attempt / "program" / "m", files, note)
        assert is_shared(note)
        assert listed(attempt / "program" / "m") == sorted(files), attempt
        assert take_back(note) is True
        assert listed(attempt / "program" / "m") is None, attempt
    assert seen >= {0, 1, 2, ".tmp"}


def test_an_attempt_that_was_killed_can_be_taken_back(killed):
    for attempt in killed:
        note = attempt / "papin" / "m.json"
        take_back(note)
        assert (listed(attempt / "program" / "m") or []) == [], attempt
        assert not note.exists()
        assert all(path.exists() for path in sources(attempt).values())


def test_what_took_the_name_after_the_kill_stays(killed):
    for attempt in killed:
        folder = attempt / "program" / "m"
        theirs = folder / "m-00001-of-00002.gguf"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "new").write_text("theirs")
        (folder / "new").rename(theirs)
        with pytest.raises(Conflict):
            share(folder, sources(attempt), attempt / "papin" / "m.json")
        take_back(attempt / "papin" / "m.json")
        assert theirs.read_text() == "theirs"


@pytest.mark.parametrize("text", [b"{", b"[]", b"\xff", b'{"folder": 1}'])
def test_a_damaged_note_is_told_and_removes_nothing(files, folder, note, text):
    share(folder, files, note)
    note.write_bytes(text)
    for act in (take_back, is_shared, lambda note: share(folder, files, note)):
        with pytest.raises(StorageFailed, match="cannot be read"):
            act(note)
    assert listed(folder) == sorted(files)
    assert note.read_bytes() == text


def test_a_note_that_cannot_be_read_is_not_a_missing_one(files, folder, note):
    note.mkdir(parents=True)
    with pytest.raises(StorageFailed, match="cannot be read"):
        take_back(note)
    with pytest.raises(StorageFailed, match="cannot be read"):
        share(folder, files, note)
    assert listed(folder) is None


def test_a_folder_that_cannot_be_made(files, note, tmp_path):
    (tmp_path / "program").write_text("a file")
    with pytest.raises(StorageFailed):
        share(tmp_path / "program" / "m", files, note)
    assert not note.exists()
