"""Taking over a file: by reflink, else by hard link, else by a copy that can be stopped."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from papin.errors import DiskSpace

from .support import CONTENT, DIGEST, KEY, SIZE, opened


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
