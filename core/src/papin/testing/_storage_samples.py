"""What the suite for storages puts into one: a payload, a model, and everything hostile."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from papin.context import Context
from papin.models import Model, StoredFile
from papin.storages import Storage, StorageSession
from papin.testing._described import DescribedSuite

CONTENT = b"weights " * 9001
DIGEST = hashlib.sha256(CONTENT).hexdigest()
SIZE = len(CONTENT)
KEY = "0" * 64
OTHER_KEY = "1" * 64

BAD_DIGESTS = (
    "",
    "a",
    "a" * 63,
    "a" * 65,
    "A" * 64,
    "g" * 64,
    f"sha256:{'a' * 64}",
    f"sha256-{'a' * 64}",
    f"sha512:{'a' * 64}",
    "sha256-../../x",
    "../" * 21 + "a",
    "../../../../../../../../../../../../../../../../../../etc/passwd",
    "/" + "a" * 63,
    "a" * 32 + "/" + "a" * 31,
    "a" * 32 + "\\" + "a" * 31,
    "a" * 63 + "\0",
    "a" * 63 + "\n",
    "a" * 64 + "\n",
    " " + "a" * 63,
    "a" * 63 + ".",
    "." * 64,
    "-" + "a" * 63,
    "~" + "a" * 63,
    "%2e%2e%2f" + "a" * 55,
    "\u0661" * 64,
    "\uff41" * 64,
    "\u202e" + "a" * 63,
    "a" * 62 + "\u0301\u0301",
    "\ud800" * 64,
    "a" * 10_240,
)
"""What a hostile server sends where a digest belongs."""

BAD_NAMES = (
    "",
    ".",
    "..",
    "../x",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "C:x",
    "NUL",
    "con.gguf",
    "a\0b",
    "a\nb",
    "-rf",
    "x" * 300,
)
"""What a hostile index calls its files."""


def make_model(name: str = "tiny", *, file: str = "Tiny-Q4_0.gguf", sha256: str = DIGEST, **changes: Any) -> Model:
    """Return a model of one file."""
    stored = StoredFile(name=file, sha256=sha256, size=SIZE, format="gguf")
    values: dict[str, Any] = {"id": name, "ref": "", "files": (stored,), "size": SIZE}
    return Model(installed_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), **(values | changes))


def tree(folder: Path) -> Mapping[str, bytes]:
    """Return every file below `folder` with its content."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


async def store(session: StorageSession, content: bytes = CONTENT) -> Path:
    """Put `content` into the storage by the book."""
    sha256 = hashlib.sha256(content).hexdigest()
    async with session.stage(sha256, size=len(content)) as area:
        area.data.write_bytes(content)
        return await session.admit(area, sha256=sha256, size=len(content))


def by_id(model: Model) -> str:
    return model.id


def nothing(done: int) -> None:
    """Take a report, and tell nobody."""


async def leave(session: StorageSession, key: str, content: bytes) -> None:
    async with session.stage(key, size=None) as area:
        area.data.write_bytes(content)
        (area.folder / "notes").write_bytes(b"of mine")


def make_special(folder: Path, kind: str) -> Path:
    path = folder / kind
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(os.path.relpath(path))  # a socket's path may have 108 bytes
    elif kind == "device":
        return Path("/dev/zero")
    return path


class StorageTests(DescribedSuite):
    """What the halves of the suite share."""

    @pytest.fixture
    async def session(self, descriptor: Storage, context: Context[Any]) -> AsyncIterator[StorageSession]:
        """Return an open session on an empty storage."""
        async with self.opened(descriptor, context) as session:
            yield session
