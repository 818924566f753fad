"""The suite for storages: what is unfinished, and the space that it may take."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from papin.errors import DiskSpace
from papin.storages import Storage, StorageSession
from papin.testing._storage_samples import (
    CONTENT,
    DIGEST,
    KEY,
    OTHER_KEY,
    SIZE,
    StorageTests,
    leave,
)


class StagingTests(StorageTests):
    """Staging areas: exclusive, kept, and never promised more than there is."""

    def stager(
        self, descriptor: Storage, tmp_path: Path, settings: dict[str, Any], *verb: str
    ) -> subprocess.Popen[bytes]:
        """Start a process that stages `KEY`."""
        words = [sys.executable, "-m", "papin.testing._stager", descriptor.name, str(tmp_path), json.dumps(settings)]
        return subprocess.Popen([*words, KEY, *verb], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    @pytest.mark.trio
    async def test_an_area_is_private_and_begins_empty(self, session: StorageSession) -> None:
        """Nobody else may look at what is unfinished."""
        async with session.stage(KEY, size=10) as area:
            assert area.key == KEY
            assert area.data.read_bytes() == b""
            assert stat.S_IMODE(area.data.stat().st_mode) == 0o600  # noqa: PLR2004  owner only
            assert stat.S_IMODE(area.folder.stat().st_mode) == 0o700  # noqa: PLR2004  owner only
            assert area.folder in area.data.parents

    @pytest.mark.trio
    async def test_what_is_unfinished_waits_for_the_next_opener(self, session: StorageSession) -> None:
        """Bytes and notes are still there, and count as staging and not as used."""
        await leave(session, KEY, b"half")
        account = await session.account()
        assert account.payloads == account.used == 0
        assert account.staging >= len(b"half")
        async with session.stage(KEY, size=None) as area:
            assert area.data.read_bytes() == b"half"
            assert (area.folder / "notes").read_bytes() == b"of mine"

    @pytest.mark.trio
    async def test_what_is_unfinished_is_told_without_opening_it(self, session: StorageSession) -> None:
        """Whoever plans a download reads how much of it is there, also while somebody is at it."""
        assert await session.staged(KEY) == 0
        await leave(session, KEY, CONTENT)
        async with session.stage(KEY, size=None):
            assert await session.staged(KEY) == SIZE
        assert await session.staged(OTHER_KEY) == 0

    @pytest.mark.trio
    async def test_room_does_not_count_what_the_asker_was_promised(self, session: StorageSession) -> None:
        """Others are told of it; a storage that promises nothing has the same room for everybody."""
        room = await session.room()
        assert 0 < room.left <= room.free <= room.total
        async with session.stage(KEY, size=1 << 20):
            for_others, for_us = await session.room([OTHER_KEY]), await session.room([KEY])
            assert for_us.promised == 0
            assert for_others.promised in (0, 1 << 20)

    @pytest.mark.trio
    async def test_areas_of_other_keys_are_open_at_once(self, session: StorageSession) -> None:
        """Only the same key waits."""
        async with session.stage(KEY, size=1) as one, session.stage(OTHER_KEY, size=1) as other:
            assert one.data != other.data

    @pytest.mark.trio
    async def test_a_second_opener_waits(self, session: StorageSession) -> None:
        """Whoever comes second sees everything that the first one did."""
        seen: list[bytes] = []

        async def second() -> None:
            async with session.stage(KEY, size=None) as area:
                seen.append(area.data.read_bytes())

        async with trio.open_nursery() as nursery, session.stage(KEY, size=None) as area:
            nursery.start_soon(second)
            await trio.testing.wait_all_tasks_blocked()
            assert seen == []
            area.data.write_bytes(b"first")
        assert seen == [b"first"]

    @pytest.mark.trio
    async def test_waiting_is_given_up_at_once(self, session: StorageSession) -> None:
        """A cancelled waiter leaves nothing behind that keeps the next one out."""
        async with session.stage(KEY, size=None), trio.open_nursery() as nursery:
            nursery.start_soon(leave, session, KEY, b"never")
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        async with session.stage(KEY, size=None) as area:
            assert area.data.read_bytes() == b""

    @pytest.mark.trio
    async def test_processes_take_turns(
        self, session: StorageSession, descriptor: Storage, tmp_path: Path, settings: dict[str, Any]
    ) -> None:
        """Two processes and this one add to a number, and none of them loses a step."""
        times = 25
        processes = [self.stager(descriptor, tmp_path, settings, "count", str(times)) for _ in range(2)]
        for _ in range(times):
            async with session.stage(KEY, size=None) as area:
                area.data.write_bytes(b"%d" % (int(area.data.read_bytes() or b"0") + 1))
        for process in processes:
            with process:
                assert await trio.to_thread.run_sync(process.wait) == 0
        async with session.stage(KEY, size=None) as area:
            assert int(area.data.read_bytes()) == 3 * times

    @pytest.mark.trio
    async def test_a_killed_process_lets_go(
        self, session: StorageSession, descriptor: Storage, tmp_path: Path, settings: dict[str, Any]
    ) -> None:
        """`kill -9` of an opener frees the area, with what is in it."""
        with self.stager(descriptor, tmp_path, settings, "hold") as process:
            assert process.stdout is not None
            assert await trio.to_thread.run_sync(process.stdout.readline) == b"held\n"
            assert await session.discard(KEY) == 0
            process.kill()
            async with session.stage(KEY, size=None) as area:
                assert area.data.read_bytes() == b"begun"

    @pytest.mark.trio
    async def test_discard_removes_what_nobody_has_open(self, session: StorageSession) -> None:
        """It tells the bytes, and leaves alone what is open."""
        async with session.stage(KEY, size=None) as area:
            area.data.write_bytes(CONTENT)
            assert await session.discard(KEY) == 0
            assert area.data.read_bytes() == CONTENT
        assert await session.discard(KEY) >= SIZE
        assert await session.discard(KEY) == 0
        assert (await session.account()).staging == 0

    @pytest.mark.trio
    async def test_sweep_spares_the_new_and_the_open(self, session: StorageSession) -> None:
        """Only what is old and not open goes."""
        await leave(session, KEY, CONTENT)
        assert await session.sweep(before=0) == 0
        future = datetime.now(UTC).timestamp() + 1e6
        async with session.stage(OTHER_KEY, size=None) as area:
            area.data.write_bytes(b"open")
            assert await session.sweep(before=future) >= SIZE
            assert area.data.read_bytes() == b"open"
        assert await session.sweep(before=future) >= len(b"open")

    @pytest.mark.trio
    async def test_what_cannot_fit_is_refused_before_it_begins(self, session: StorageSession) -> None:
        """The refusal says what to do, and leaves nothing."""
        with pytest.raises(DiskSpace) as caught:
            async with session.stage(KEY, size=1 << 60):
                raise AssertionError("an exbibyte was promised")
        assert caught.value.next_step
        assert (await session.account()).staging == 0

    @pytest.mark.trio
    async def test_two_promises_cannot_be_given_for_the_same_space(self, session: StorageSession) -> None:
        """What one open area may still write, another is not promised; when it closes, it is free again."""
        account = await session.account()
        most = account.free - account.reserve if account.limit is None else account.limit - account.used
        async with session.stage(KEY, size=most * 6 // 10):
            with pytest.raises(DiskSpace):
                async with session.stage(OTHER_KEY, size=most * 6 // 10):
                    raise AssertionError("more was promised than there is")
        async with session.stage(OTHER_KEY, size=most * 6 // 10):
            assert (await session.account()).payloads == 0

    @pytest.mark.trio
    async def test_space_is_reserved_once_a_size_is_known(self, session: StorageSession) -> None:
        """An open area that grows asks, and stays open when it is refused."""
        async with session.stage(KEY, size=None) as area:
            await session.reserve(area, size=1000)
            with pytest.raises(DiskSpace):
                await session.reserve(area, size=1 << 60)
            area.data.write_bytes(CONTENT)
            await session.admit(area, sha256=DIGEST, size=SIZE)
        assert await session.locate(DIGEST)
