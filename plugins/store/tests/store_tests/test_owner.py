"""The second opinion, for file systems on which locks are granted to everybody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from papin.errors import Conflict
from papin_store._owner import Owner, _boot, _start, claim, disclaim

from .support import KEY, opened

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes cannot be told apart here")


def write(folder: Path, owner: Owner) -> None:
    (folder / "owner").write_bytes(msgspec.json.encode(owner))


def test_d15_a_living_process_is_believed_until_it_ends(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        write(tmp_path, Owner(process.pid, _start(process.pid), _boot()))
        with pytest.raises(Conflict, match=f"process {process.pid}") as caught:
            claim(tmp_path)
        assert caught.value.next_step
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        claim(tmp_path)  # nobody has waited for the process yet: it is still in the table
    assert msgspec.json.decode((tmp_path / "owner").read_bytes())["pid"] == os.getpid()


@pytest.mark.parametrize("change", ["another boot", "another process of that number", "no such process"])
def test_d16_what_is_over_is_taken_over(tmp_path: Path, change: str) -> None:
    mine = Owner(os.getpid(), _start(os.getpid()), _boot())
    other = {
        "another boot": Owner(mine.pid, mine.start, "b"),
        "another process of that number": Owner(mine.pid, "1", mine.boot),
        "no such process": Owner(1 << 30, mine.start, mine.boot),
    }
    write(tmp_path, other[change])
    claim(tmp_path)
    disclaim(tmp_path)
    assert not (tmp_path / "owner").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"null", b'{"pid":"x"}', b"\xff" * 10_000])
def test_a_damaged_record_is_taken_over(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "owner").write_bytes(content)
    claim(tmp_path)
    assert msgspec.json.decode((tmp_path / "owner").read_bytes(), type=Owner).pid == os.getpid()


async def test_d15_an_area_that_somebody_has_just_opened_is_not_swept(tmp_path: Path) -> None:
    async with opened(tmp_path) as session, session.stage(KEY, size=None) as area:
        (area.folder / "lock").unlink()
        (area.folder / "lock").touch()  # as if there were no locks
        async with opened(tmp_path):
            assert area.data.exists()


async def test_d15_an_area_whose_lock_was_granted_twice_is_not_opened(tmp_path: Path) -> None:
    async with opened(tmp_path) as session, session.stage(KEY, size=None) as area:
        area.data.write_bytes(b"the first one's")
        (area.folder / "lock").unlink()  # now the next lock is another file: as if there were no locks
        with pytest.raises(Conflict):
            async with session.stage(KEY, size=None):
                raise AssertionError("two writers met")
        assert area.data.read_bytes() == b"the first one's"
