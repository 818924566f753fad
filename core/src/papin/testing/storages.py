"""The suite for storages. The plugin has to be installed: some tests open it in processes of their own.

    class TestMine(StorageSuite):
        @pytest.fixture
        def descriptor(self) -> Storage:
            return next(iter(papin_storages()))

Storages are tested with folders of the test's own and, in `settings`, whatever the test sets.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from papin.errors import NameInvalid
from papin.storages import StorageSession
from papin.testing._storage_payloads import PayloadTests
from papin.testing._storage_samples import (
    BAD_DIGESTS,
    BAD_NAMES,
    CONTENT,
    KEY,
    SIZE,
    make_model,
    nothing,
    store,
    tree,
)
from papin.testing._storage_staging import StagingTests

__all__ = ["BAD_DIGESTS", "BAD_NAMES", "StorageSuite"]


class StorageSuite(StagingTests, PayloadTests):
    """Override `descriptor`; and `settings`, for a storage that needs some."""

    @pytest.mark.parametrize("digest", BAD_DIGESTS, ids=range(len(BAD_DIGESTS)))
    @pytest.mark.trio
    async def test_a_hostile_digest_leads_nowhere(self, session: StorageSession, tmp_path: Path, digest: str) -> None:
        """Every method refuses it, and no file is made, changed or removed."""
        await store(session)
        async with session.stage(KEY, size=None) as area:
            area.data.write_bytes(CONTENT)
            before = tree(tmp_path)
            for call in (session.locate, session.remove, session.discard):
                with pytest.raises(NameInvalid):
                    await call(digest)
            with pytest.raises(NameInvalid):
                await session.verify(digest, report=nothing)
            with pytest.raises(NameInvalid):
                await session.admit(area, sha256=digest, size=SIZE)
            with pytest.raises(NameInvalid):
                await session.remember(make_model(sha256=digest))
            with pytest.raises(NameInvalid):
                async with session.stage(digest, size=1):
                    raise AssertionError("it was opened")
            assert tree(tmp_path) == before

    @pytest.mark.parametrize("name", BAD_NAMES, ids=range(len(BAD_NAMES)))
    @pytest.mark.trio
    async def test_a_hostile_name_leads_nowhere(self, session: StorageSession, tmp_path: Path, name: str) -> None:
        """Ids and file names that climb or that mean something to a file system are refused."""
        await store(session)
        before = tree(tmp_path)
        for model in (make_model(file=name), make_model(name)):
            with pytest.raises(NameInvalid):
                await session.remember(model)
            with pytest.raises(NameInvalid):
                await session.paths(model)
        with pytest.raises(NameInvalid):
            await session.forget(name)
        assert tree(tmp_path) == before
