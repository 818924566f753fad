"""What lies where, under which rights, and what the store does about what it did not put there."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

import pytest

from papin.errors import StorageFailed
from papin.models import StoredFile
from papin_store._durable import aside

from .support import CONTENT, DIGEST, KEY, SIZE, model, opened, put


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_readable_links_are_relative(tmp_path: Path) -> None:
    async with opened(tmp_path) as session:
        await put(session)
        await session.remember(model())
    link = tmp_path / "data/by-name/tiny/Tiny-Q4_0.gguf"
    assert link.readlink() == Path("../../blobs/sha256") / DIGEST[:2] / DIGEST
    moved = tmp_path / "moved"
    moved.mkdir()
    (tmp_path / "data").rename(moved / "data")
    async with opened(moved) as session:
        assert [path.read_bytes() for path in await session.paths(model())] == [CONTENT]


async def test_nobody_else_may_look(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        async with opened(tmp_path) as session:
            blob = await put(session)
            await session.remember(model())
    finally:
        os.umask(old)
    for path in (tmp_path / "data").rglob("*"):
        if not path.is_symlink():
            assert stat.S_IMODE(path.lstat().st_mode) & 0o077 == 0, path
    assert stat.S_IMODE(blob.stat().st_mode) == 0o600


async def test_nothing_is_left_of_what_was_admitted(tmp_path: Path) -> None:
    async with opened(tmp_path) as session:
        await put(session)
    assert names(tmp_path / "data/incoming") == []


async def test_links_that_a_model_has_no_more_are_removed(tmp_path: Path) -> None:
    other = StoredFile(name="mmproj.gguf", sha256=DIGEST, size=SIZE, role="mmproj")
    async with opened(tmp_path) as session:
        await put(session)
        await session.remember(model("tiny", *model().files, other))
        assert names(tmp_path / "data/by-name/tiny") == ["Tiny-Q4_0.gguf", "mmproj.gguf"]
        await session.remember(model())
    assert names(tmp_path / "data/by-name/tiny") == ["Tiny-Q4_0.gguf"]


async def test_what_the_user_put_beside_the_links_is_left(tmp_path: Path) -> None:
    async with opened(tmp_path) as session:
        await put(session)
        await session.remember(model())
        notes = tmp_path / "data/by-name/tiny/notes.txt"
        notes.write_text("mine")
        await session.forget("tiny")
    assert names(notes.parent) == ["notes.txt"]
    assert names(tmp_path / "data/models") == []


async def test_a_readable_link_that_leads_elsewhere_is_put_right(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"other weights")
    async with opened(tmp_path) as session:
        await put(session)
        (path,) = await session.paths(model())
        path.unlink()
        path.symlink_to(elsewhere)
        (path,) = await session.paths(model())
        assert path.read_bytes() == CONTENT
    assert elsewhere.read_bytes() == b"other weights"


async def test_damaged_sidecars_are_passed_over_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with opened(tmp_path) as session:
        await session.remember(model())
        models = tmp_path / "data/models"
        good = (models / "tiny.json").read_bytes()
        (models / "cut.json").write_bytes(good[: len(good) // 2])
        (models / "empty.json").write_bytes(b"")
        (models / "other.json").write_bytes(good)
        (models / "long.json").write_bytes(good + b" " * (1 << 20))
        (models / "A B.json").write_bytes(good)
        (models / "\x1b[2J.json").write_bytes(good)
        (models / "link.json").symlink_to(models / "tiny.json")
        os.mkfifo(models / "pipe.json")
        (models / "folder.json").mkdir()
        (models / "nested.json").write_bytes(b"[" * 100_000)
        (models / "README").write_bytes(b"not a sidecar")
        with caplog.at_level(logging.WARNING):
            assert tuple(await session.remembered()) == (model(),)
    assert len(caplog.messages) == 10
    assert all("passed over" in text and text.isprintable() for text in caplog.messages)


async def test_what_lies_among_the_areas_is_neither_counted_as_one_nor_swept(tmp_path: Path) -> None:
    async with opened(tmp_path) as session:
        incoming = tmp_path / "data/incoming"
        (incoming / "not a key").mkdir()
        (incoming / ("2" * 64)).symlink_to(tmp_path)
        (incoming / "file").write_bytes(b"x")
        async with session.stage(KEY, size=10):
            assert await session.sweep(before=1e12) == 0
    assert names(incoming) == ["2" * 64, "file", "not a key"]


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
async def test_what_stands_where_a_payload_belongs_is_never_one(tmp_path: Path, kind: str) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(CONTENT)
    async with opened(tmp_path) as session:
        blob = tmp_path / "data/blobs/sha256" / DIGEST[:2] / DIGEST
        blob.parent.mkdir()
        if kind == "folder":
            (blob / "inside").mkdir(parents=True)
        else:
            blob.symlink_to(secret) if kind == "link" else os.mkfifo(blob)
        assert await session.locate(DIGEST) is None
        assert await session.verify(DIGEST, report=lambda done: None) == "damaged"
        if kind == "folder":
            with pytest.raises(StorageFailed) as caught:
                await put(session)
            assert "move it away" in caught.value.next_step
            return
        assert (await put(session)).read_bytes() == CONTENT
        assert not blob.is_symlink()
    assert secret.read_bytes() == CONTENT


@pytest.mark.parametrize("kind", ["link", "folder"])
async def test_what_stands_where_data_belongs_is_not_written_to(tmp_path: Path, kind: str) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"mine")
    async with opened(tmp_path) as session:
        area = tmp_path / "data/incoming" / KEY
        area.mkdir()
        if kind == "folder":
            (area / "data").mkdir()
            with pytest.raises(StorageFailed):
                async with session.stage(KEY, size=1):
                    raise AssertionError("it was opened")
            return
        (area / "data").symlink_to(secret)
        async with session.stage(KEY, size=1) as opened_area:
            opened_area.data.write_bytes(b"theirs")
    assert secret.read_bytes() == b"mine"


async def test_each_inode_is_counted_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as session:
        blob = await put(session)
        twin = blob.with_name("f" * 64)
        twin.hardlink_to(blob)
        account = await session.account()
        assert (account.payloads, account.used) == (1, SIZE)
        assert await session.remove(DIGEST) == 0
        assert (await session.account()).used == SIZE


async def test_what_a_killed_process_wrote_aside_is_swept_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with opened(tmp_path):
        (data / "models/new-0123456789abcdef.tmp").write_bytes(b"half a side")
        (data / "incoming" / KEY).mkdir()
        (data / "incoming" / KEY / "lock").touch()
        (data / "incoming" / KEY / "notes").write_bytes(b"{}")
    with aside(data / "models/x.json", b"{}") as living:
        async with opened(tmp_path):
            assert [path.name for path in (data / "models").iterdir()] == [living.name]
            assert list((data / "incoming").iterdir()) == []
    assert list((data / "models").iterdir()) == []
