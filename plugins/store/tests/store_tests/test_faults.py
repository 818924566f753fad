"""Killed, starved, read-only and cut off: what was acknowledged is there, and what is there is whole."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from papin.errors import DiskSpace, StorageFailed
from papin_store._layout import Layout
from papin_store._sidecars import remembered

from . import scenario
from .support import CONTENT, DIGEST, KEY, SIZE, model, opened, put

pytestmark = pytest.mark.faults

SCENARIO = Path(scenario.__file__)
SHUT_DOWN = 0x8004587D
WITHOUT_FLUSHING_THE_LOG = 2


def run(*words: str | Path) -> None:
    subprocess.run(words, check=True, capture_output=True)


@contextmanager
def mounted(folder: Path, *words: str | Path) -> Iterator[Path]:
    """Mount something on `folder`, or skip the test where that is not allowed."""
    folder.mkdir(exist_ok=True)
    try:
        run("mount", *words, folder)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"mounting is not allowed here: {error}")
    try:
        yield folder
    finally:
        run("umount", folder)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB."""
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=1m", "papin-test") as folder:
        yield folder


def fill(folder: Path) -> None:
    """Leave not a byte."""
    with (folder / "filler").open("wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while file.write(b"\0" * size):
                    pass  # until it does not fit
            except OSError:
                continue


def payloads(root: Path) -> dict[str, bool]:
    """Return every visible payload, and whether it is what its name says."""
    blobs = root / "blobs/sha256"
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() == path.name
        for path in (blobs.rglob("*") if blobs.exists() else ())
        if path.is_file()
    }


# --- a full disk -----------------------------------------------------------------------------------------------------


async def test_d3_nothing_is_begun_that_cannot_fit(tmp_path: Path, small: Path) -> None:
    async with opened(tmp_path, path=str(small / "store")) as session:
        with pytest.raises(DiskSpace, match=r"2\.0 MB are needed"):
            async with session.stage(KEY, size=2_000_000):
                raise AssertionError("it was promised")
        async with session.stage(KEY, size=900_000):
            with pytest.raises(DiskSpace, match="promised to other downloads"):
                async with session.stage(DIGEST, size=900_000):
                    raise AssertionError("it was promised twice")


async def test_d3_a_full_disk_harms_nothing_and_can_be_freed(tmp_path: Path, small: Path) -> None:
    async with opened(tmp_path, path=str(small / "store")) as session:
        await put(session)
        await session.remember(model())
        fill(small)
        with pytest.raises(DiskSpace) as caught:
            await session.remember(model(tags=("new",) * 5000))
        assert "papin models remove" in caught.value.next_step
        with pytest.raises(DiskSpace):
            await put(session, CONTENT + b"x")
        assert tuple(await session.remembered()) == (model(),)
        assert [path.read_bytes() for path in await session.paths(model())] == [CONTENT]
        assert await session.verify(DIGEST, report=lambda done: None) == "ok"
        await session.forget("tiny")
        assert await session.remove(DIGEST) == SIZE
        assert (await session.account()).payloads == 0


# --- a read-only disk ------------------------------------------------------------------------------------------------


async def test_d9_a_read_only_disk_is_read(tmp_path: Path, small: Path) -> None:
    settings = {"path": str(small / "store")}
    async with opened(tmp_path, **settings) as session:
        await put(session)
        await session.remember(model())
    run("mount", "-o", "remount,ro", small)
    async with opened(tmp_path, **settings) as session:
        assert tuple(await session.remembered()) == (model(),)
        assert [path.read_bytes() for path in await session.paths(model())] == [CONTENT]
        assert await session.verify(DIGEST, report=lambda done: None) == "ok"
        assert (await session.account()).payloads == 1
        for change in (session.remember(model()), session.forget("tiny"), session.remove(DIGEST)):
            with pytest.raises(StorageFailed) as caught:
                await change
            assert "read-only" in caught.value.next_step
        with pytest.raises(StorageFailed) as caught:
            async with session.stage(KEY, size=1):
                raise AssertionError("it was opened")
        assert "read-only" in caught.value.next_step


async def test_d9_a_disk_that_is_unmounted_is_not_empty(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with mounted(disk, "-t", "tmpfs", "-o", "size=1m", "papin-test"):
        async with opened(tmp_path, path=str(disk)) as session:
            await put(session)
    with pytest.raises(StorageFailed, match="is not there"):
        async with opened(tmp_path, path=str(disk)):
            raise AssertionError("it was opened")
    assert list(disk.iterdir()) == []


# --- killed at every step, and errors at some ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def strace() -> str:
    found = shutil.which("strace")
    works = (
        found and subprocess.run([found, "-o", os.devnull, "true"], check=False, capture_output=True).returncode == 0
    )
    if not found or not works:
        pytest.skip("strace is not there or not allowed")
    return found


def traced(strace: str, root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    words = [strace, "-f", *options, "-o", f"{root}.trace", sys.executable, "-S", str(SCENARIO), str(root)]
    paths = os.pathsep.join(path for path in sys.path if path)
    environment = os.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(words, check=False, capture_output=True, text=True, env=environment)


def judge(root: Path, done: set[str]) -> None:
    """What is visible is whole, and what was acknowledged is there."""
    found = payloads(root)
    assert all(found.values())
    first, second = map(scenario.digest, scenario.CONTENTS)
    if "admitted 1" in done:
        assert second in found
    if "admitted 0" in done and "remembered 1" not in done:
        assert first in found
    if "removed 0" in done:
        assert first not in found
    judge_models(root, done)


def judge_models(root: Path, done: set[str]) -> None:
    """The sidecar is the last acknowledged one, or the next."""
    known = remembered(Layout(root)) if (root / "models").exists() else ()
    first, second = map(scenario.model, scenario.CONTENTS)
    if "remembered 1" in done:
        assert known == (second,)
    elif "remembered 0" in done:
        assert known in [(first,), (second,)]
    else:
        assert known in [(), (first,)]


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is one: hundreds of lives sync thousands of times, and no power is cut here."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as folder:
        yield Path(folder)


def test_d10_a_kill_before_any_call_loses_nothing(quick: Path) -> None:
    run(sys.executable, SCENARIO, quick, "killed")
    lives = sorted(path for path in quick.iterdir() if path.suffix == ".done")
    assert len(lives) > 60
    for done in lives:
        root = done.with_suffix("")
        judge(root, set(done.read_text().splitlines()))
        scenario.main(root)
        assert payloads(root) == {scenario.digest(scenario.CONTENTS[1]): True}
        assert [path for path in (root / "incoming").rglob("data") if path.stat().st_size] == []


@pytest.mark.parametrize(("call", "number"), [("rename", 1), ("rename", 2), ("fsync", 9), ("unlink", 3)])
def test_d10_a_kill_inside_a_call_loses_nothing(tmp_path: Path, strace: str, call: str, number: int) -> None:
    root = tmp_path / "store"
    ended = traced(strace, root, f"--trace={call}", f"--inject={call}:signal=SIGKILL:when={number}")
    assert ended.returncode == -signal.SIGKILL
    judge(root, set(ended.stdout.splitlines()))
    scenario.main(root)
    assert payloads(root) == {scenario.digest(scenario.CONTENTS[1]): True}


@pytest.mark.parametrize(("call", "error"), [("fsync", "EIO"), ("fsync", "EDQUOT"), ("rename", "ENOSPC")])
@pytest.mark.parametrize("number", [1, 4])
def test_d5_an_error_of_the_disk_is_never_a_success(
    tmp_path: Path, strace: str, call: str, error: str, number: int
) -> None:
    root = tmp_path / "store"
    ended = traced(strace, root, f"--trace={call}", f"--inject={call}:error={error}:when={number}+")
    assert ended.returncode == 1
    assert "OSError" in ended.stderr
    judge(root, set(ended.stdout.splitlines()))


# --- the power goes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", ["admitted 0", "remembered 0", "admitted 1", "remembered 1", "removed 0"])
def test_d1_what_was_acknowledged_survives_a_power_cut(tmp_path: Path, after: str) -> None:
    image, disk = tmp_path / "image", tmp_path / "disk"
    with image.open("wb") as file:
        file.truncate(16 << 20)
    try:
        run("mkfs.ext4", "-q", image)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"mkfs.ext4 does not work here: {error}")
    acknowledged: set[str] = set()
    words = [sys.executable, str(SCENARIO), str(disk / "store")]
    with mounted(disk, "-o", "loop,commit=600", image), subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            acknowledged.add(line.decode().strip())
            if after in acknowledged:
                break
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        cut_power(disk)
        process.kill()
    assert after in acknowledged
    with mounted(disk, "-o", "loop", image):
        judge(disk / "store", acknowledged)
        scenario.main(disk / "store")
        assert payloads(disk / "store") == {scenario.digest(scenario.CONTENTS[1]): True}


def cut_power(disk: Path) -> None:
    handle = os.open(disk, os.O_RDONLY)
    try:
        fcntl.ioctl(handle, SHUT_DOWN, WITHOUT_FLUSHING_THE_LOG.to_bytes(4, sys.byteorder))
    finally:
        os.close(handle)
