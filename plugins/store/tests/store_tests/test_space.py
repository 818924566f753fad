"""What fits, and how it is told when it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from papin.errors import DiskSpace
from papin_store._space import reserve_of
from papin_store.settings import StoreSettings

from .support import CONTENT, KEY, SIZE, opened, put

OTHER = "1" * 64


@pytest.mark.parametrize(
    ("reserve", "total", "expected"),
    [(None, 1 << 40, 1 << 30), (None, 1 << 30, (1 << 30) // 20), (0, 1 << 40, 0), (5, 1 << 40, 5)],
)
def test_the_reserve_is_a_gibibyte_or_a_twentieth(reserve: int | None, total: int, expected: int) -> None:
    assert reserve_of(StoreSettings(reserve=reserve), total) == expected


async def refused(session: object, key: str, size: int) -> DiskSpace:
    with pytest.raises(DiskSpace) as caught:
        async with session.stage(key, size=size):  # type: ignore[attr-defined]
            raise AssertionError("it was promised")
    return caught.value


async def test_the_limit_counts_payloads_staging_and_promises(tmp_path: Path) -> None:
    async with opened(tmp_path, limit=SIZE + 1000) as session:
        await put(session)
        assert "limit of 73.0 kB" in (await refused(session, KEY, 1001)).message
        async with session.stage(KEY, size=600) as area:
            assert "promised to other downloads" in (await refused(session, OTHER, 401)).message
            area.data.write_bytes(b"x" * 500)
            async with session.stage(OTHER, size=400):
                assert (await session.account()).staging >= 500
        assert "500" not in (await refused(session, OTHER, 501)).next_step
        async with session.stage(OTHER, size=500):
            assert (await session.account()).limit == SIZE + 1000


async def test_what_is_there_already_is_not_needed_again(tmp_path: Path) -> None:
    async with opened(tmp_path, limit=100_000) as session:
        async with session.stage(KEY, size=90_000) as area:
            area.data.write_bytes(b"x" * 60_000)
        async with session.stage(KEY, size=90_000) as area:
            assert area.data.stat().st_size == 60_000
        await refused(session, KEY, 120_000)


async def test_a_promise_ends_with_its_process(tmp_path: Path) -> None:
    async with opened(tmp_path, limit=1000) as session:
        folder = tmp_path / "data/incoming" / OTHER
        folder.mkdir()
        (folder / "wanted").write_text("1000")
        (folder / "lock").write_bytes(b"")
        async with session.stage(KEY, size=1000):
            assert (await session.account()).payloads == 0


@pytest.mark.parametrize("content", [b"", b"-5", b"many", b"9" * 100, b"\xff"])
async def test_a_damaged_promise_harms_nobody(tmp_path: Path, content: bytes) -> None:
    async with opened(tmp_path) as session, session.stage(OTHER, size=1):
        (tmp_path / "data/incoming" / OTHER / "wanted").write_bytes(content)
        if content == b"9" * 100:
            await refused(session, KEY, 1)
            return
        async with session.stage(KEY, size=1):
            assert (await session.account()).payloads == 0


async def test_the_refusal_tells_all_the_numbers(tmp_path: Path) -> None:
    async with opened(tmp_path, reserve=1 << 30, limit=10**9) as session:
        error = await refused(session, KEY, 5 * 10**9)
    assert error.code == "ERR_DISK_SPACE"
    for part in ("5.0 GB are needed", str(tmp_path / "data"), "free", "1.1 GB kept in reserve", "limit of 1.0 GB"):
        assert part in error.message
    assert "papin models list" in error.next_step
    assert "storages.store.limit" in error.next_step


async def test_links_need_no_space(tmp_path: Path) -> None:
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(CONTENT)
    async with opened(tmp_path, limit=10) as session, session.stage(KEY, size=None) as area:
        assert await session.take(area, mine) in {"reflink", "hardlink"}
