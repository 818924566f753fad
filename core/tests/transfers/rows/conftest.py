"""What the tests of transfers share: a file to fetch, a storage, and a list of what was reported."""

from __future__ import annotations

import hashlib
import random

import pytest
import trio.testing

from papin._transfers import fetch
from papin.http import Http
from papin.models import HttpSource, WantedFile

from .storage import Folder


class Task:
    """One file to fetch into one storage."""

    def __init__(self, body, storage):
        self.body = body
        self.storage = storage
        self.sha256 = hashlib.sha256(body).hexdigest()
        self.progress = []

    def wanted(self, *urls, pinned=True, sized=True, sources=(), role="weights"):
        """What to fetch, from these addresses."""
        return WantedFile(
            name="model.gguf",
            role=role,
            sources=(*sources, *(HttpSource(url=url, user_named=True) for url in urls)),
            size=len(self.body) if sized else None,
            sha256=self.sha256 if pinned else None,
        )

    async def fetch(self, wanted):
        """Fetch it, and check what must be true of every success."""
        self.progress.clear()
        fetched = await fetch(wanted, self.storage, Http(environ={}), self.progress.append)
        content = fetched.path.read_bytes()
        assert hashlib.sha256(content).hexdigest() == fetched.sha256
        assert fetched.size == len(content)
        assert self.progress[-1].fraction == 1
        done = [each.done for each in self.progress]
        assert done == sorted(done)
        return fetched

    @property
    def staged(self):
        """Bytes that are kept to be resumed."""
        return sum(self.storage.staged.values())


@pytest.fixture
def task(tmp_path):
    """A file of 8 MiB that does not repeat itself."""
    return Task(random.Random(1).randbytes(8 << 20), Folder(tmp_path / "storage"))


@pytest.fixture
def jumping_clock():
    """Jumps over waits, once nothing has happened for a while of real time: threads and sockets are no waits."""
    return trio.testing.MockClock(autojump_threshold=0.05)
