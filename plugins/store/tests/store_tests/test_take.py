"""Taking over a file: by reflink, else by hard link, else by a copy that can be stopped."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from papin.errors import DiskSpace, StorageFailed
from papin_store._take import open_source, take

from .support import CONTENT, DIGEST, KEY, SIZE, opened


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system, so that nothing can be linked from it."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system to write to")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


async def test_a_file_of_another_disk_is_copied(tmp_path: Path, far: Path) -> None:
    (far / "mine.gguf").write_bytes(CONTENT)
    async with opened(tmp_path) as session:
        async with session.stage(DIGEST, size=None) as area:
            assert await session.take(area, far / "mine.gguf") == "copy"
            await session.admit(area, sha256=DIGEST, size=SIZE)
        assert await session.verify(DIGEST, report=lambda done: None) == "ok"


async def test_a_copy_reserves_what_it_needs(tmp_path: Path, far: Path) -> None:
    (far / "mine.gguf").write_bytes(CONTENT)
    async with opened(tmp_path, limit=SIZE - 1) as session, session.stage(KEY, size=None) as area:
        with pytest.raises(DiskSpace):
            await session.take(area, far / "mine.gguf")
        assert not area.data.exists()


async def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "mine.gguf").write_bytes(CONTENT)
    (tmp_path / "link.gguf").symlink_to("mine.gguf")
    async with opened(tmp_path) as session, session.stage(KEY, size=None) as area:
        await session.take(area, tmp_path / "link.gguf")
        assert not area.data.is_symlink()
        assert area.data.read_bytes() == CONTENT


async def test_a_cancelled_copy_ends_and_leaves_nothing(tmp_path: Path, far: Path) -> None:
    with (far / "huge").open("wb") as file:
        file.truncate(1 << 40)
    async with opened(tmp_path) as session, session.stage(KEY, size=None) as area:
        async with trio.open_nursery() as nursery:

            async def copy() -> None:
                with pytest.raises(trio.Cancelled):
                    await session.take(area, far / "huge")
                nursery.cancel_scope.cancel()

            nursery.cancel_scope.cancel()
            await copy()
        assert not area.data.exists() or area.data.stat().st_size == 0


class Stopped(Exception):
    """What a copy is stopped with."""


def stop_after(times: int) -> object:
    steps = iter(range(times))

    def check() -> None:
        if next(steps, None) is None:
            raise Stopped

    return check


@pytest.mark.parametrize("times", [0, 1, 2])
def test_a_stopped_copy_leaves_nothing(tmp_path: Path, far: Path, times: int) -> None:
    path = far / "big"
    path.write_bytes(b"x" * (3 << 20))
    source = open_source(path)
    try:
        with pytest.raises(Stopped):
            take(source, path, tmp_path / "data", reserve=lambda size: None, check=stop_after(times))  # type: ignore[arg-type]
    finally:
        os.close(source)
    assert not (tmp_path / "data").exists()


def test_a_name_that_was_given_to_another_file_is_not_linked(tmp_path: Path) -> None:
    path, data = tmp_path / "mine", tmp_path / "data"
    path.write_bytes(CONTENT)
    source = open_source(path)
    try:
        path.unlink()
        path.write_bytes(b"something else")
        asked: list[int] = []
        assert take(source, path, data, reserve=asked.append, check=lambda: None) in {"reflink", "copy"}
    finally:
        os.close(source)
    assert data.read_bytes() == CONTENT


def test_a_file_that_shrinks_while_it_is_copied_is_refused(tmp_path: Path, far: Path) -> None:
    path = far / "shrinks"
    path.write_bytes(b"x" * (3 << 20))
    source = open_source(path)
    try:
        with pytest.raises(StorageFailed, match="ended after"):
            take(source, path, tmp_path / "data", reserve=lambda size: None, check=lambda: os.truncate(path, 1 << 20))
    finally:
        os.close(source)
    assert not (tmp_path / "data").exists()
