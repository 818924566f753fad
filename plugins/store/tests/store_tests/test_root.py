"""Where the store is, and that a disk which is not mounted is never taken for an empty store."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from papin.errors import ConfigInvalid, PapinError, StorageFailed

from .support import CONTENT, DIGEST, model, opened, put


async def refusal(folder: Path, **settings: object) -> PapinError:
    with pytest.raises(PapinError) as caught:
        async with opened(folder, **settings):
            raise AssertionError("it was opened")
    assert caught.value.next_step
    return caught.value


async def test_by_default_it_is_in_the_data_folder(tmp_path: Path) -> None:
    async with opened(tmp_path) as session:
        assert (await session.account()).path == str(tmp_path / "data")
    assert json.loads((tmp_path / "data/store.json").read_bytes())["version"] == 1


async def test_a_new_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "a/b/models"
    async with opened(tmp_path, path=str(path)) as session:
        await put(session)
    assert (path / "store.json").exists()
    assert (path / "blobs/sha256" / DIGEST[:2] / DIGEST).read_bytes() == CONTENT


async def test_a_fresh_disk_is_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "disk/lost+found").mkdir(parents=True)
    async with opened(tmp_path, path=str(tmp_path / "disk")) as session:
        assert (await session.account()).payloads == 0


async def test_a_folder_of_something_else_is_refused_and_left(tmp_path: Path) -> None:
    path = tmp_path / "photos"
    path.mkdir()
    (path / "cat.jpg").write_bytes(b"meow")
    error = await refusal(tmp_path, path=str(path))
    assert isinstance(error, StorageFailed)
    assert "cat.jpg" in error.message
    assert [each.name for each in path.iterdir()] == ["cat.jpg"]


@pytest.mark.parametrize("left", ["an empty mount point", "nothing at all"])
async def test_d9_a_disk_that_is_not_mounted_is_no_empty_store(tmp_path: Path, left: str) -> None:
    path = tmp_path / "disk"
    async with opened(tmp_path, path=str(path)) as session:
        await put(session)
        await session.remember(model())
    path.rename(tmp_path / "unplugged")
    if left == "an empty mount point":
        path.mkdir()
    error = await refusal(tmp_path, path=str(path))
    assert "Mount its disk" in error.next_step
    assert not path.exists() or list(path.iterdir()) == []
    shutil.rmtree(path, ignore_errors=True)
    (tmp_path / "unplugged").rename(path)
    async with opened(tmp_path, path=str(path)) as session:
        assert tuple(await session.remembered()) == (model(),)


async def test_d9_a_lost_marker_is_told_with_the_words_to_put_it_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as session:
        await put(session)
    (tmp_path / "data/store.json").unlink()
    error = await refusal(tmp_path)
    assert "lost its marker" in error.message
    command = error.next_step.partition("echo '")[2]
    text, _, path = command.partition("' > ")
    assert path == str(tmp_path / "data/store.json")
    (tmp_path / "data/store.json").write_text(text)
    async with opened(tmp_path) as session:
        assert await session.locate(DIGEST)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version":"1","id":""}', b"\xff" * 100])
async def test_a_damaged_marker_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/store.json").write_bytes(content)
    assert "cannot be read" in (await refusal(tmp_path)).message


async def test_a_later_layout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/store.json").write_bytes(b'{"version":2,"id":"x"}')
    assert "later version" in (await refusal(tmp_path)).message


@pytest.mark.parametrize("path", ["/", "relative/folder", "."])
async def test_a_path_that_is_no_folder_of_its_own_is_refused(tmp_path: Path, path: str) -> None:
    assert isinstance(await refusal(tmp_path, path=path), ConfigInvalid)


async def test_a_file_where_the_folder_belongs_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file", tmp_path / "file/below"):
        assert isinstance(await refusal(tmp_path, path=str(path)), StorageFailed)


async def test_a_marker_that_was_cut_off_while_it_was_made_is_no_stranger(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/new-0123456789abcdef.tmp").write_bytes(b'{"ver')
    async with opened(tmp_path) as session:
        assert (await session.account()).payloads == 0


async def test_a_damaged_memory_of_known_stores_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/known-stores.json").write_bytes(b"\0")
    async with opened(tmp_path, path=str(tmp_path / "disk")):
        known = json.loads((tmp_path / "data/known-stores.json").read_bytes())
    assert list(known) == [str(tmp_path / "disk")]
