"""Files that are on this machine already: taken, verified, and never written through."""

from __future__ import annotations

import os
import socket
import sys

import pytest
import trio

from papin._transfers import fetch
from papin.errors import DigestMismatch, DiskSpace, FormatInvalid, NotFound, PapinError, SourceChanged, StorageFailed
from papin.http import Http
from papin.models import FileSource, PackageSource, WantedFile
from papin.testing.fault_server import fault_server

from .conftest import MIB
from .storage import Folder


@pytest.fixture
def file(task, tmp_path):
    path = tmp_path / "mine.gguf"
    path.write_bytes(task.body)
    return path


@pytest.fixture
def package(task, tmp_path, monkeypatch):
    """An installed distribution that has the file, and whose import would be noticed."""
    site = tmp_path / "site"
    (site / "demo_model").mkdir(parents=True)
    (site / "demo_model" / "__init__.py").write_text("raise SystemExit('imported')")
    (site / "demo_model" / "m.gguf").write_bytes(task.body)
    (site / "demo_model" / "unlisted.gguf").write_bytes(task.body)
    (tmp_path / "outside.gguf").write_bytes(task.body)
    info = site / "demo_model-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: demo-model\nVersion: 1.0\n")
    (info / "RECORD").write_text("demo_model/__init__.py,,\ndemo_model/m.gguf,,\n../outside.gguf,,\n/etc/passwd,,\n")
    monkeypatch.syspath_prepend(site)
    return site / "demo_model" / "m.gguf"


@pytest.mark.parametrize("how", ["copy", "hardlink"])
async def test_a_file_that_the_user_named(task, file, how):
    task.storage.how = how
    fetched = await task.fetch(pinned=False, sized=False, sources=[FileSource(path=str(file))])
    assert (fetched.sha256, fetched.how) == (task.sha256, how)
    assert file.read_bytes() == task.body
    phases = list(dict.fromkeys(each.phase for each in task.progress))
    assert phases == ["resolving", "downloading", "verifying", "committing"]


async def test_what_is_cancelled_is_not_read_to_its_end(storage, tmp_path):
    path = tmp_path / "mine.gguf"
    path.write_bytes(bytes(16 * MIB))
    wanted = WantedFile(name="m", sources=(FileSource(path=str(path)),))
    shown = []
    with trio.CancelScope() as scope:

        def cancel(progress):
            shown.append(progress.done)
            if progress.phase == "verifying" and progress.done:
                scope.cancel()

        await fetch(wanted, storage, Http(environ={}), cancel)
        await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert max(shown) <= 2 * MIB


async def test_a_file_of_a_package_is_found_without_importing_it(task, package):
    fetched = await task.fetch(sources=[PackageSource(distribution="demo-model", path="demo_model/m.gguf")])
    assert fetched.sha256 == task.sha256
    assert "demo_model" not in sys.modules


@pytest.mark.parametrize(
    "path",
    ["demo_model/unlisted.gguf", "../outside.gguf", "/etc/passwd", "demo_model/../demo_model/m.gguf", "", "missing"],
)
async def test_only_what_a_package_lists_and_what_is_inside_it(task, package, path):
    with pytest.raises(NotFound):
        await task.fetch(sources=[PackageSource(distribution="demo-model", path=path)])


async def test_a_package_that_is_not_installed_leaves_it_to_the_next_source(task):
    source = PackageSource(distribution="no-such-thing", path="m.gguf")
    async with fault_server(task.body) as server:
        fetched = await task.fetch(server, sources=[source])
    assert fetched.how == "download"


async def test_what_is_there_is_not_fetched(task):
    async with fault_server(task.body) as server:
        await task.fetch(server)
        fetched = await task.fetch(server)
    assert fetched.how == "present"
    assert len(server.requests) == 1


def _fifo(folder):
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def _socket(folder):
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(folder / "socket"))
    server.close()
    return folder / "socket"


def _empty(folder):
    (folder / "empty").touch()
    return folder / "empty"


@pytest.mark.parametrize(
    "make",
    [
        _fifo,
        _socket,
        _empty,
        lambda folder: folder,
        lambda _: "/dev/zero",
        lambda _: "/dev/random",
        lambda _: "/proc/self/mem",
        lambda folder: folder / "missing",
        lambda folder: _empty(folder) / "below",
        lambda _: "~nobody-such/m.gguf",
        lambda _: "a\0b",
    ],
    ids=[
        "fifo",
        "socket",
        "empty",
        "folder",
        "zero",
        "random",
        "mem",
        "missing",
        "below a file",
        "no such user",
        "NUL",
    ],
)
async def test_s8_what_is_not_a_file_is_refused_at_once(task, tmp_path, make):
    source = FileSource(path=str(make(tmp_path)))
    with trio.fail_after(60), pytest.raises((StorageFailed, FormatInvalid, NotFound)) as caught:
        await task.fetch(sources=[source], pinned=False, sized=False)
    assert isinstance(caught.value, PapinError)
    assert caught.value.next_step
    assert task.staged == 0


async def test_a_file_that_is_not_what_was_promised(task, file):
    changed = bytearray(task.body)
    changed[7] ^= 1
    file.write_bytes(changed)
    with pytest.raises(DigestMismatch):
        await task.fetch(sources=[FileSource(path=str(file))])
    file.write_bytes(task.body[:-1])
    with pytest.raises(DigestMismatch, match="promised"):
        await task.fetch(sources=[FileSource(path=str(file))])
    assert file.exists()
    assert task.staged == 0


async def test_a_wrong_file_is_not_written_through_when_the_next_source_is_right(task, file):
    task.storage.how = "hardlink"
    wrong = bytes(len(task.body))
    file.write_bytes(wrong)
    async with fault_server(task.body) as server:
        fetched = await task.fetch(server, sources=[FileSource(path=str(file))])
    assert fetched.how == "download"
    assert file.read_bytes() == wrong


async def test_a_hard_link_that_a_crash_left_is_not_written_through(task, file):
    area = task.storage.root / "incoming" / task.sha256
    area.mkdir()
    os.link(file, area / "data")
    before = file.stat().st_ino
    async with fault_server(task.body[::-1] + b"x") as server:
        with pytest.raises(PapinError):
            await task.fetch(server)
        await task.fetch(server, sized=False, pinned=False, expect=server.body)
    assert file.read_bytes() == task.body
    assert file.stat().st_ino == before


async def test_a_file_that_changes_while_it_is_read(task, file):
    class Meddled(Folder):
        async def take(self, staging, path):
            how = await super().take(staging, path)
            path.write_bytes(b"x" * len(task.body))
            return how

    task.storage = Meddled(task.storage.root)
    with pytest.raises(SourceChanged, match="changes while it is read"):
        await task.fetch(pinned=False, sized=False, sources=[FileSource(path=str(file))])
    assert task.staged == 0


async def test_d3_no_room_is_said_before_the_first_byte(task):
    task.storage.room = 1000
    async with fault_server(task.body) as first, fault_server(task.body) as second:
        with pytest.raises(DiskSpace):
            await task.fetch(first, second)
        assert (first.requests, second.requests) == ([], [])
        with pytest.raises(DiskSpace):
            await task.fetch(first, pinned=False, sized=False)
        assert first.sent <= 4 << 20


async def test_a_file_without_sources(task):
    with pytest.raises(NotFound, match="no source"):
        await task.fetch()
