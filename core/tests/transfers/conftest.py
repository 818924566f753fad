"""A storage of one folder, random files, and one call that downloads."""

from __future__ import annotations

import hashlib
import random
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
import trio.testing

from papin._transfers import fetch
from papin.errors import DiskSpace
from papin.http import Http
from papin.models import HttpSource, WantedFile
from papin.testing.fault_server import fault_server

MIB = 1 << 20


@pytest.fixture
def jumping_clock():
    """Jumps over waits, once nothing has happened for a while of real time: threads and sockets are no waits."""
    return trio.testing.MockClock(autojump_threshold=0.05)


@dataclass
class Area:
    key: str
    folder: Path
    data: Path


class Folder:
    """A storage: staging areas and payloads in one folder. It may be told how much room there is."""

    def __init__(self, root):
        self.root = root
        self.room = None
        self.reserved = []
        self._locks = {}

    @asynccontextmanager
    async def stage(self, key, *, size):
        folder = self.root / "incoming" / key
        async with self._locks.setdefault(key, trio.Lock()):
            folder.mkdir(parents=True, exist_ok=True)
            area = Area(key, folder, folder / "data")
            area.data.touch()
            await self.reserve(area, size=size or 0)
            yield area

    async def reserve(self, staging, *, size):
        self.reserved.append(size)
        if self.room is not None and size > self.room:
            raise DiskSpace(f"no room for {size} bytes")

    async def take(self, staging, path):
        staging.data.write_bytes(path.read_bytes())
        return "copy"

    async def admit(self, staging, *, sha256, size):
        assert staging.data.stat().st_size == size
        assert hashlib.sha256(staging.data.read_bytes()).hexdigest() == sha256
        target = self.root / sha256
        staging.data.rename(target)
        return target

    async def locate(self, sha256):
        target = self.root / sha256
        return target if target.exists() else None

    def staged(self):
        """The unfinished bytes."""
        return [path.read_bytes() for path in (self.root / "incoming").glob("*/data")]


@pytest.fixture
def storage(tmp_path):
    return Folder(tmp_path)


def make_body(size, seed=1):
    """Bytes that repeat nowhere."""
    return random.Random(seed).randbytes(size)


def sha(body):
    return hashlib.sha256(body).hexdigest()


class Shown(list):
    """The progress that was reported, which never goes back."""

    def __call__(self, progress):
        if self:
            assert progress.done >= self[-1].done
        assert progress.total is None or progress.done <= progress.total
        self.append(progress)


@pytest.fixture
def shown():
    return Shown()


@pytest.fixture
def download(storage, shown):
    """Fetches from servers or addresses, in a new process as far as the engine can tell."""

    async def run(*sources, body=None, size=None, sha256=None, role="weights", report=None, **more):
        urls = [source if isinstance(source, str) else source.url for source in sources]
        wanted = WantedFile(
            name="model.gguf",
            sources=tuple(HttpSource(url=url, user_named=True) for url in urls),
            size=size,
            sha256=sha(body) if body is not None else sha256,
            role=role,
        )
        shown.clear()
        return await fetch(wanted, storage, Http(environ={}), report or shown, **more)

    return run


@pytest.fixture
def content():
    """Reads what was fetched."""
    return lambda fetched: fetched.path.read_bytes()


def limit(server, share=1.02):
    return int(len(server.body) * share) + (64 << 10)


@pytest.fixture
def serve():
    return fault_server


@pytest.fixture
def make():
    return make_body
