"""The suite for storages: payloads, and the models that they belong to."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from papin.context import Context
from papin.errors import NotFound, StorageFailed
from papin.models import StoredFile
from papin.storages import Storage, StorageSession
from papin.testing._storage_samples import (
    CONTENT,
    DIGEST,
    KEY,
    SIZE,
    StorageTests,
    by_id,
    leave,
    make_model,
    make_special,
    nothing,
    store,
)


class PayloadTests(StorageTests):
    """Payloads and models: whole, counted once, and found again."""

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        """Return a folder of the user's, with a model file in it."""
        folder = tmp_path / "downloads"
        folder.mkdir()
        (folder / "mine.gguf").write_bytes(CONTENT)
        return folder

    def test_descriptor_is_well_formed(self, descriptor: Storage) -> None:
        """A name that can be typed, and a summary of one line."""
        assert descriptor.name.isidentifier()
        assert descriptor.summary
        assert "\n" not in descriptor.summary

    @pytest.mark.trio
    async def test_what_was_stored_is_there_when_opened_again(self, descriptor: Storage, context: Context[Any]) -> None:
        """A payload and a sidecar outlive the session."""
        async with self.opened(descriptor, context) as session:
            await store(session)
            await session.remember(make_model())
        async with self.opened(descriptor, context) as session:
            assert await session.verify(DIGEST, report=nothing) == "ok"
            assert tuple(await session.remembered()) == (make_model(),)

    @pytest.mark.trio
    async def test_a_new_storage_is_empty(self, session: StorageSession) -> None:
        """Nothing is in it, and its numbers make sense."""
        account = await session.account()
        assert (account.payloads, account.used, account.staging) == (0, 0, 0)
        assert 0 < account.free <= account.total
        assert tuple(await session.remembered()) == ()
        assert await session.locate(DIGEST) is None

    @pytest.mark.trio
    async def test_a_file_is_taken_and_left(self, session: StorageSession, place: Path) -> None:
        """The user's file stays as it is, and may go away afterwards."""
        path = place / "mine.gguf"
        path.chmod(0o644)
        before = path.stat()
        async with session.stage(KEY, size=None) as area:
            assert await session.take(area, path) in {"reflink", "hardlink", "copy"}
            assert area.data.read_bytes() == CONTENT
            await session.admit(area, sha256=DIGEST, size=SIZE)
        after = path.stat()
        assert (before.st_mode, before.st_mtime_ns, before.st_ino) == (after.st_mode, after.st_mtime_ns, after.st_ino)
        path.unlink()
        assert await session.verify(DIGEST, report=nothing) == "ok"

    @pytest.mark.trio
    async def test_taking_replaces_what_was_staged(self, session: StorageSession, place: Path) -> None:
        """What an earlier opener left is not mixed with it."""
        await leave(session, KEY, b"x" * (SIZE + 1))
        async with session.stage(KEY, size=None) as area:
            await session.take(area, place / "mine.gguf")
            assert area.data.read_bytes() == CONTENT

    @pytest.mark.trio
    async def test_a_taken_file_is_never_written_through(self, session: StorageSession, place: Path) -> None:
        """An area that was left with a link to the user's file is opened with one of its own."""
        async with session.stage(KEY, size=None) as area:
            await session.take(area, place / "mine.gguf")
        async with session.stage(KEY, size=None) as area:
            assert area.data.stat().st_nlink == 1
            with area.data.open("r+b") as file:
                file.write(b"mischief")
        assert (place / "mine.gguf").read_bytes() == CONTENT

    @pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "socket", "device"])
    @pytest.mark.trio
    async def test_what_is_no_file_is_not_taken(self, session: StorageSession, place: Path, kind: str) -> None:
        """Pipes and devices that never end are refused, and not waited for."""
        path = make_special(place, kind)
        async with session.stage(KEY, size=None) as area:
            with pytest.raises(StorageFailed) as caught:
                await session.take(area, path)
        assert caught.value.next_step

    @pytest.mark.trio
    async def test_a_payload_is_found_counted_and_removed(self, session: StorageSession) -> None:
        """From admission to removal."""
        path = await store(session)
        assert path.read_bytes() == CONTENT
        assert await session.locate(DIGEST) == path
        account = await session.account()
        assert (account.payloads, account.used, account.staging) == (1, SIZE, 0)
        assert await session.remove(DIGEST) == SIZE
        assert await session.locate(DIGEST) is None
        assert await session.remove(DIGEST) == 0
        assert (await session.account()).used == 0

    @pytest.mark.trio
    async def test_the_same_payload_again_is_kept_once(self, session: StorageSession) -> None:
        """The one that is there stays, and the staged one goes."""
        path = await store(session)
        before = path.stat().st_ino
        assert await store(session) == path
        assert path.stat().st_ino == before
        account = await session.account()
        assert (account.payloads, account.used, account.staging) == (1, SIZE, 0)

    @pytest.mark.trio
    async def test_a_damaged_payload_is_replaced(self, session: StorageSession) -> None:
        """Admitting the right bytes again repairs one that lost some."""
        (await store(session)).write_bytes(CONTENT[:-1])
        await store(session)
        assert await session.verify(DIGEST, report=nothing) == "ok"

    @pytest.mark.trio
    async def test_one_that_is_damaged_and_of_the_right_size_is_replaced_where_that_is_asked(
        self, session: StorageSession
    ) -> None:
        """Who knows that it is damaged says so; it is there all the time."""
        path = await store(session)
        path.write_bytes(bytes(SIZE))
        await store(session)
        assert await session.verify(DIGEST, report=nothing) == "damaged"
        async with session.stage(DIGEST, size=SIZE) as area:
            area.data.write_bytes(CONTENT)
            assert await session.admit(area, sha256=DIGEST, size=SIZE, replaces=True) == path
        assert await session.verify(DIGEST, report=nothing) == "ok"
        assert (await session.account()).payloads == 1

    @pytest.mark.trio
    async def test_what_is_not_of_the_promised_size_is_not_admitted(self, session: StorageSession) -> None:
        """Bytes that were lost between verification and admission are noticed."""
        async with session.stage(DIGEST, size=SIZE) as area:
            area.data.write_bytes(CONTENT[:-1])
            with pytest.raises(StorageFailed):
                await session.admit(area, sha256=DIGEST, size=SIZE)
        assert await session.locate(DIGEST) is None

    @pytest.mark.trio
    async def test_removing_counts_what_other_links_hold(self, session: StorageSession, place: Path) -> None:
        """A payload that the user's own file shares frees nothing."""
        async with session.stage(KEY, size=None) as area:
            how = await session.take(area, place / "mine.gguf")
            await session.admit(area, sha256=DIGEST, size=SIZE)
        assert await session.remove(DIGEST) == (0 if how == "hardlink" else SIZE)
        assert (place / "mine.gguf").read_bytes() == CONTENT

    @pytest.mark.trio
    async def test_verification_reports_and_judges(self, session: StorageSession) -> None:
        """The bytes that were read only grow, up to all of them."""
        seen: list[int] = []
        await store(session)
        assert await session.verify(DIGEST, report=seen.append) == "ok"
        assert seen == sorted(seen)
        assert seen[-1] == SIZE
        assert await session.verify(KEY, report=nothing) == "missing"

    @pytest.mark.trio
    async def test_verification_uses_the_hash_that_it_is_given(self, session: StorageSession) -> None:
        """Whoever gives it learns from it what was read."""
        digest = hashlib.sha256()
        await store(session)
        assert await session.verify(DIGEST, report=nothing, into=digest) == "ok"
        assert digest.hexdigest() == DIGEST

    @pytest.mark.parametrize("damage", ["flipped", "shorter", "longer", "empty", "link"])
    @pytest.mark.trio
    async def test_damage_is_found(self, session: StorageSession, place: Path, damage: str) -> None:
        """Every kind of damage is told."""
        path = await store(session)
        changed = {
            "flipped": CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]),
            "shorter": CONTENT[:-1],
            "longer": CONTENT + b"\0",
            "empty": b"",
            "link": b"",
        }
        path.unlink()
        if damage == "link":
            path.symlink_to(place / "mine.gguf")
        else:
            path.write_bytes(changed[damage])
        assert await session.verify(DIGEST, report=nothing) == "damaged"

    @pytest.mark.trio
    async def test_a_model_is_remembered_whole(self, session: StorageSession) -> None:
        """What was written last is what is read, until it is forgotten."""
        await store(session)
        first = make_model()
        changed = make_model(favourite=True, tags=("a", "b"), settings={"n_ctx": 4096}, license="MIT")
        await session.remember(first)
        await session.remember(changed)
        await session.remember(make_model("other"))
        assert sorted(await session.remembered(), key=by_id) == [make_model("other"), changed]
        await session.forget("other")
        await session.forget("never-was")
        assert tuple(await session.remembered()) == (changed,)
        assert await session.locate(DIGEST), "forgetting a model removes no payload"

    @pytest.mark.trio
    async def test_files_are_found_under_their_own_names(self, session: StorageSession) -> None:
        """Shards stand side by side, in the order of the model."""
        parts = [CONTENT + bytes([number]) for number in range(3)]
        for part in parts:
            await store(session, part)
        files = tuple(
            StoredFile(name=f"m-{number:05}-of-00003.gguf", sha256=hashlib.sha256(part).hexdigest(), size=len(part))
            for number, part in enumerate(parts, start=1)
        )
        model = make_model(files=files)
        await session.remember(model)
        paths = await session.paths(model)
        assert [path.name for path in paths] == [file.name for file in files]
        assert len({path.parent for path in paths}) == 1
        assert [path.read_bytes() for path in paths] == parts

    @pytest.mark.trio
    async def test_a_missing_payload_is_told(self, session: StorageSession) -> None:
        """A model of which a payload is gone is not found, and its sidecar stays."""
        await store(session)
        await session.remember(make_model())
        await session.remove(DIGEST)
        with pytest.raises(NotFound) as caught:
            await session.paths(make_model())
        assert caught.value.next_step
        assert tuple(await session.remembered()) == (make_model(),)

    @pytest.mark.trio
    async def test_names_that_are_gone_are_made_again(self, session: StorageSession) -> None:
        """A readable name that somebody removed is no reason to fail."""
        await store(session)
        await session.remember(make_model())
        (path,) = await session.paths(make_model())
        path.unlink()
        assert [each.read_bytes() for each in await session.paths(make_model())] == [CONTENT]
