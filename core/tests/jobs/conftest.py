"""What the tests of jobs share: a real registry, a bus that remembers, and jobs over both."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from subprocess import PIPE

import pytest
import trio
import trio.testing

from papin._jobs import Jobs
from papin._registry import open_registry

WORKER = Path(__file__).with_name("worker.py")


class Bus:
    """Remembers what was published."""

    def __init__(self):
        self.events = []
        self.envelopes = []

    def publish(self, event):
        self.events.append(event)

    def publish_envelope(self, envelope):
        self.envelopes.append(envelope)

    @property
    def journalled(self):
        """The types of the journalled events of this process, in order."""
        return [type(envelope.event).__name__ for envelope in self.envelopes]


class Home:
    """A registry with its run folder, and jobs that live as long as they are asked to."""

    def __init__(self, root):
        self.root = root
        self.run = root / "run"
        self.run.mkdir()
        self.bus = Bus()
        self.registry = open_registry(root / "registry.db", self.run)

    def job(self, job_id):
        return self.registry.read.job(job_id)

    @property
    def states(self):
        return [job.state for job in self.registry.read.jobs()]

    def history(self, job_id):
        """The journalled events of a job, of all processes, without their fields."""
        events = [envelope.event for envelope in self.registry.read.events()]
        return [type(event).__name__ for event in events if event.job == job_id]

    @asynccontextmanager
    async def jobs(self, registry=None):
        """Jobs, as the kernel has them; those that still run at the end are interrupted."""
        async with trio.open_nursery() as nursery:
            jobs = Jobs(nursery, registry or self.registry, self.run, self.bus)
            jobs.recovered = await jobs.recover()
            yield jobs
            nursery.cancel_scope.cancel()

    @asynccontextmanager
    async def worker(self, *arguments):
        """Another process that has a job; yields it with the id of its job."""
        command = [sys.executable, str(WORKER), str(self.root), *arguments]
        async with trio.open_nursery() as nursery:
            process = await nursery.start(partial(trio.run_process, command, stdout=PIPE, check=False))
            line = b""
            while not line.endswith(b"\n"):
                piece = await process.stdout.receive_some()
                assert piece, "the worker died"
                line += piece
            try:
                yield process, line.decode().strip()
            finally:
                process.kill()


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path)
    yield made
    made.registry.close()


@pytest.fixture
def jumping_clock():
    """Jumps over waits, once nothing has happened for a while of real time: threads and sockets are no waits."""
    return trio.testing.MockClock(autojump_threshold=0.1)
