"""One payload under a second name, on real file systems."""

import os

import pytest

from papin.errors import Conflict, DiskSpace, StorageFailed
from papin.links import is_same_file, link, write

CONTENT = b"weights" * 1000


@pytest.fixture
def payload(tmp_path):
    path = tmp_path / "payload"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


def names(folder):
    return sorted(each.name for each in folder.iterdir())


def test_on_one_file_system_nothing_is_stored_again(payload, folder):
    how = link(payload, folder / "model.gguf")
    assert how in {"reflink", "hardlink"}
    assert (folder / "model.gguf").read_bytes() == CONTENT
    assert how == "reflink" or payload.stat().st_nlink == 2
    assert names(folder) == ["model.gguf"]


def test_a_symlink_leads_to_the_file_itself_wherever_it_is(payload, far):
    alias = payload.with_name("alias")
    alias.symlink_to(payload.name)
    assert link(alias, far / "model.gguf") == "symlink"
    assert (far / "model.gguf").readlink() == payload.resolve()
    payload.with_name("alias").unlink()
    assert (far / "model.gguf").read_bytes() == CONTENT


def test_a_link_to_the_source_is_followed(payload, folder):
    payload.with_name("alias").symlink_to(payload)
    assert link(payload.with_name("alias"), folder / "model.gguf", symlink=False) in {"reflink", "hardlink"}
    assert not (folder / "model.gguf").is_symlink()


def test_a_copy_only_when_it_is_allowed(payload, far):
    with pytest.raises(StorageFailed, match="cannot be a link") as caught:
        link(payload, far / "model.gguf", symlink=False)
    assert "--copy" in caught.value.next_step
    assert names(far) == []
    assert link(payload, far / "model.gguf", symlink=False, allow_copy=True) == "copy"
    assert (far / "model.gguf").read_bytes() == CONTENT


def test_what_is_linked_already_is_told(payload, folder, far):
    first = link(payload, folder / "model.gguf")
    if first == "hardlink":
        assert link(payload, folder / "model.gguf") == "hardlink"
    assert link(payload, far / "model.gguf") == link(payload, far / "model.gguf") == "symlink"


@pytest.mark.parametrize("there", ["file", "link", "dangling", "folder"])
def test_nothing_else_is_replaced_or_written_through(payload, folder, there):
    target, other = folder / "model.gguf", folder / "other"
    other.write_bytes(b"precious")
    if there == "file":
        target.write_bytes(b"precious")
    elif there == "folder":
        target.mkdir()
    else:
        target.symlink_to("other" if there == "link" else "nowhere")
    with pytest.raises(Conflict, match="another file"):
        link(payload, target)
    assert other.read_bytes() == b"precious"
    assert names(folder) == ["model.gguf", "other"]
    assert payload.read_bytes() == CONTENT


def test_replacing_a_link_leaves_what_it_led_to(payload, folder):
    (folder / "other").write_bytes(b"precious")
    (folder / "model.gguf").symlink_to("other")
    link(payload, folder / "model.gguf", replace=True)
    assert (folder / "model.gguf").read_bytes() == CONTENT
    assert (folder / "other").read_bytes() == b"precious"


def test_replacing_by_the_same_inode_leaves_nothing_behind(payload, folder):
    link(payload, folder / "model.gguf")
    link(payload, folder / "model.gguf", replace=True)
    assert names(folder) == ["model.gguf"]


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe"])
def test_only_a_regular_file_is_linked(folder, tmp_path, kind):
    source = tmp_path / "source"
    if kind == "folder":
        source.mkdir()
    elif kind == "pipe":
        os.mkfifo(source)
    with pytest.raises(StorageFailed):
        link(source, folder / "model.gguf")
    assert names(folder) == []


def test_a_folder_that_is_not_there_is_a_storage_problem(payload, tmp_path):
    with pytest.raises(StorageFailed, match="nowhere"):
        link(payload, tmp_path / "nowhere" / "model.gguf")


def test_a_copy_asks_for_room_first(payload, far):
    def refuse(size):
        assert size == len(CONTENT)
        raise DiskSpace("full")

    with pytest.raises(DiskSpace):
        link(payload, far / "model.gguf", symlink=False, allow_copy=True, reserve=refuse)
    assert names(far) == []


@pytest.mark.parametrize("times", [0, 1, 2])
def test_a_stopped_copy_leaves_nothing(tmp_path, far, times):
    class Stopped(Exception):
        pass

    steps = iter(range(times))

    def check():
        if next(steps, None) is None:
            raise Stopped

    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(40 << 20)
    with pytest.raises(Stopped):
        link(big, far / "model.gguf", symlink=False, allow_copy=True, check=check)
    assert names(far) == []


def test_a_file_that_shrinks_while_it_is_copied_is_refused(tmp_path, far):
    path = tmp_path / "shrinks"
    path.write_bytes(b"x" * (3 << 20))
    with pytest.raises(StorageFailed, match="ended after"):
        link(path, far / "model.gguf", symlink=False, allow_copy=True, check=lambda: os.truncate(path, 1 << 20))
    assert names(far) == []


def test_names_of_one_inode(payload, folder):
    link(payload, folder / "a", symlink=False)
    (folder / "b").symlink_to(folder / "a")
    assert is_same_file(folder / "a", folder / "b")
    assert not is_same_file(folder / "a", folder / "missing")


def test_a_small_file_is_written_at_once(folder, tmp_path):
    write(folder / "manifest", b"{}")
    assert (folder / "manifest").read_bytes() == b"{}"
    assert names(folder) == ["manifest"]
    with pytest.raises(Conflict):
        write(folder / "manifest", b"[]")
    assert (folder / "manifest").read_bytes() == b"{}"
    write(folder / "manifest", b"[]", replace=True, aside=tmp_path)
    assert (folder / "manifest").read_bytes() == b"[]"
    assert names(folder) == ["manifest"]
    assert names(tmp_path) == ["folder"]


def test_a_small_file_is_never_beside_its_place_when_it_is_written_aside(folder, tmp_path):
    (folder / "manifest").mkdir()
    with pytest.raises(StorageFailed):
        write(folder / "manifest", b"{}", replace=True, aside=tmp_path)
    assert names(folder) == ["manifest"]
    assert names(tmp_path) == ["folder"]
