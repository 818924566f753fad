"""A file to fetch, a storage, one call that fetches and checks what every success must be, and clocks."""

from __future__ import annotations

import hashlib
from collections import Counter
from functools import lru_cache

import pytest
import trio.testing

from papin._transfers import fetch
from papin.http import Http, StreamedResponse
from papin.models import HttpSource, WantedFile
from papin.testing import fault_scripts as faults
from papin.testing.fault_server import fault_server
from papin.testing.samples import sha256_of

from .storage import Folder

MIB = 1 << 20
RATE = MIB  # of a connection to a server that limits each


@lru_cache(maxsize=4)
def make_body(size, name="v1"):
    """Bytes that repeat nowhere."""
    return hashlib.shake_256(name.encode()).digest(size)


class Shown(list):
    """The progress that was reported, which never goes back and never beyond its total."""

    def __call__(self, progress):
        assert not self or progress.done >= self[-1].done
        assert progress.total is None or progress.done <= progress.total
        self.append(progress)


class Task:
    """One file to fetch into one storage."""

    def __init__(self, body, storage):
        self.body = body
        self.storage = storage
        self.sha256 = sha256_of(body)
        self.progress = Shown()
        self.environ = {}

    def wanted(self, *servers, pinned=True, sized=True, sources=(), role="weights"):
        """What to fetch, from these servers or addresses."""
        urls = [each if isinstance(each, str) else each.url for each in servers]
        return WantedFile(
            name="model.gguf",
            role=role,
            sources=(*sources, *(HttpSource(url=url, user_named=True) for url in urls)),
            size=len(self.body) if sized else None,
            sha256=self.sha256 if pinned else None,
        )

    async def fetch(self, *servers, expect=None, pace=None, **promises):
        """Fetch it; a success is `expect` (the file itself) to the byte, and ends at 100 %."""
        self.progress = Shown()
        fetched = await fetch(
            self.wanted(*servers, **promises), self.storage, Http(environ=self.environ), self.progress, pace=pace
        )
        content = fetched.path.read_bytes()
        expected = self.body if expect is None else expect
        assert content == expected
        assert (fetched.sha256, fetched.size) == (sha256_of(expected), len(expected))
        assert self.progress[-1].done == self.progress[-1].total == len(content)
        return fetched

    @property
    def staged(self):
        """Bytes that are kept to be resumed."""
        return sum(self.storage.staged.values())


@pytest.fixture
def tmp_path(on_disk):
    """A folder on the disk: how payloads are written depends on it."""
    return on_disk


@pytest.fixture
def storage(tmp_path):
    return Folder(tmp_path / "storage")


@pytest.fixture
def received(monkeypatch):
    """The bytes of bodies that were taken in, by the address that gave them: what lay in buffers of sockets is not."""
    counts = Counter()
    receive = StreamedResponse.receive_into

    async def counting(answer, buffer):
        count = await receive(answer, buffer)
        counts[answer.where] += count
        return count

    monkeypatch.setattr(StreamedResponse, "receive_into", counting)
    return counts


@pytest.fixture(scope="session")
def small():
    return make_body(8 * MIB)


@pytest.fixture(scope="session")
def large():
    return make_body(36 * MIB + 4321)


@pytest.fixture
def task(storage, small):
    """A file of 8 MiB, which one connection fetches."""
    return Task(small, storage)


@pytest.fixture
def jumping_clock():
    """Jumps over waits, once nothing has happened for a while of real time: threads and sockets are no waits."""
    return trio.testing.MockClock(autojump_threshold=0.05)


@pytest.fixture
def slow_clock():
    """Seconds are long, so that a fast server stays one on a busy machine."""
    return trio.testing.MockClock(rate=0.05)


@pytest.fixture
def fast_clock():
    """Seconds are short, so that servers that are slow on purpose do not make slow tests."""
    return trio.testing.MockClock(rate=4)


class Case(Task):
    """A transfer, over one connection or over several, that something happens to in its middle."""

    def __init__(self, body, storage, *, is_shared):
        super().__init__(body, storage)
        self.is_shared = is_shared
        self.slack = MIB // 2 if is_shared else 64 << 10  # what may be on its way when a connection ends

    @property
    def proper(self):
        """A script that does nothing wrong, by which there will be so many connections."""
        return faults.limited(6 * RATE) if self.is_shared else faults.ok()

    def meets(self, *scripts, default=None, **options):
        """A server that plays `scripts` to requests for parts, after a first one that shows what the file is."""
        first = self.proper if self.is_shared else faults.cut(len(self.body) // 2)
        return fault_server(self.body, first, *scripts, default=default or self.proper, **options)

    def is_frugal(self, *servers):
        """Tell whether the servers together sent hardly more than the file."""
        return sum(server.sent for server in servers) <= 1.02 * len(self.body) + self.slack


@pytest.fixture(params=["one", "several"])
def case(request, storage, small, large):
    """Its test must ask for `clock` too."""
    is_shared = request.param == "several"
    return Case(large if is_shared else small, storage, is_shared=is_shared)


@pytest.fixture
def clock(case, jumping_clock, fast_clock):
    """The one by which `case` is quick."""
    return fast_clock if case.is_shared else jumping_clock
