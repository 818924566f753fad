"""A model's files in another program's folder: made once, taken back exactly, whatever happened in between."""

import msgspec
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


def test_an_attempt_that_was_killed_can_be_taken_back(files, folder, note):
    share(folder, files, note)
    said = msgspec.json.decode(note.read_bytes())
    last = said["made"].pop()
    said["begun"] = [last["name"], last["source"]]
    note.write_bytes(msgspec.json.encode(said))
    assert not is_shared(note)
    assert take_back(note) is True
    assert listed(folder) is None


def test_a_damaged_note_removes_nothing(files, folder, note):
    share(folder, files, note)
    note.write_text("{")
    assert take_back(note) is False
    assert listed(folder) == sorted(files)


def test_a_folder_that_cannot_be_made(files, note, tmp_path):
    (tmp_path / "program").write_text("a file")
    with pytest.raises(StorageFailed):
        share(tmp_path / "program" / "m", files, note)
    assert not note.exists()
