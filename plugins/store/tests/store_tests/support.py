"""What several tests of the store need."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from papin.models import Model, StoredFile
from papin.storages import StorageSession
from papin.testing import make_context
from papin_store.plugin import papin_storages

CONTENT = b"weights " * 9001
DIGEST = hashlib.sha256(CONTENT).hexdigest()
SIZE = len(CONTENT)
KEY = "0" * 64

(STORE,) = papin_storages()


@asynccontextmanager
async def opened(folder: Path, **settings: Any) -> AsyncIterator[StorageSession]:
    """Open the store of a papin whose folders are in `folder`."""
    async with STORE.open(make_context(STORE, folder, **({"reserve": 0} | settings))) as session:
        yield session


async def put(session: StorageSession, content: bytes = CONTENT) -> Path:
    """Store `content` by the book."""
    sha256 = hashlib.sha256(content).hexdigest()
    async with session.stage(sha256, size=len(content)) as area:
        area.data.write_bytes(content)
        return await session.admit(area, sha256=sha256, size=len(content))


def model(name: str = "tiny", *files: StoredFile, **changes: Any) -> Model:
    """A model of one file, or of the given ones."""
    mine = files or (StoredFile(name="Tiny-Q4_0.gguf", sha256=DIGEST, size=SIZE, format="gguf"),)
    return Model(id=name, ref="", files=mine, installed_at=datetime(2026, 1, 2, tzinfo=UTC), **changes)
