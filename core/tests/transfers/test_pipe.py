"""What may have come and not be noted yet, on any number of connections, while the disk does not come back."""

from __future__ import annotations

import shutil
import threading
from contextlib import ExitStack, asynccontextmanager

import pytest
import trio.testing

from papin._transfers._body import Body
from papin._transfers._hasher import Hasher
from papin._transfers._lanes import MOST
from papin._transfers._ledger import CHUNK, Ledger
from papin._transfers._notes import Entity
from papin._transfers._pace import Pace
from papin._transfers._payload import Payload
from papin._transfers._pipe import Pipe
from papin.testing.fault_server import fault_server

from .conftest import MIB, Task, make_body
from .storage import Area, Folder

CHECKPOINT = 16 * MIB  # I3
RUN = 8


class Disk:
    """Does not come back from a write when it was given so many bytes, until it is let go."""

    def __init__(self, monkeypatch, after):
        self.is_stuck = trio.Event()
        self.may_go = threading.Event()
        self.written = 0
        write = Payload.write

        def hang(payload, pieces, size_of, *, direct=False):
            if self.written >= after and not self.may_go.is_set():
                trio.from_thread.run_sync(self.is_stuck.set)
                self.may_go.wait()
            write(payload, pieces, size_of, direct=direct)
            self.written += sum(piece.size for piece in pieces)

        monkeypatch.setattr(Payload, "write", hang)

    @asynccontextmanager
    async def stuck(self):
        """The time from when nothing goes on any more."""
        await self.is_stuck.wait()
        await trio.testing.wait_all_tasks_blocked(0.1)
        try:
            yield
        finally:
            self.may_go.set()


class Endless:
    """An answer that always has more."""

    has_more = True
    where = "nowhere"

    def __init__(self):
        self.headers = {"content-length": "1"}
        self.came = 0

    async def receive_into(self, buffer):
        await trio.lowlevel.checkpoint()
        self.came += len(buffer)
        return len(buffer)

    async def aclose(self):
        await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("connections", [1, 4, 16])
@pytest.mark.parametrize("after", [0, 9 * MIB])
async def test_i3_nobody_takes_more_than_a_checkpoint_before_it_is_written(tmp_path, monkeypatch, connections, after):
    disk = Disk(monkeypatch, after)
    payload = Payload(Area("key", tmp_path, tmp_path / "data"))
    payload.restart(Entity())
    run = max(RUN // connections, 2)  # chunks
    ledger = Ledger(connections * run * CHUNK)
    pipe = Pipe(payload, ledger, Hasher(payload, ledger))
    answers = [Endless() for _ in range(connections)]
    async with pipe.running(), trio.open_nursery() as nursery:
        for answer in answers:
            body, claim = Body(answer, None, Pace()), ledger.claim(run)
            nursery.start_soon(body.take, claim, ledger, pipe, lambda _, has_more, idle: None)
        async with disk.stuck():
            taken = sum(answer.came for answer in answers) - disk.written
    assert ledger.is_complete
    payload.close()
    assert 0 < taken <= CHECKPOINT


async def test_i3_a_kill_while_the_disk_is_slow_costs_no_more_than_a_checkpoint(
    storage, monkeypatch, tmp_path, received
):
    """What lies in the staging area while a write does not come back is what a kill leaves then."""
    task = Task(make_body(64 * MIB), storage)
    disk = Disk(monkeypatch, after=1)
    left = tmp_path / "left"
    async with fault_server(task.body) as server:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(task.fetch, server)
            async with disk.stuck():
                shutil.copytree(storage.root, left)
                assert received.total() < len(task.body)
                nursery.cancel_scope.cancel()
        await Task(task.body, Folder(left)).fetch(server)
    assert len(task.body) < received.total() <= len(task.body) + CHECKPOINT


async def test_i3_the_most_that_may_come_at_once_is_bounded_whoever_asks_when(tmp_path):
    payload = Payload(Area("key", tmp_path, tmp_path / "data"))
    ledger = Ledger()
    pipe = Pipe(payload, ledger, Hasher(payload, ledger))
    with ExitStack() as stack:
        sizes = [stack.enter_context(pipe.asking()) for _ in range(MOST)]
    assert sizes[0] == MIB
    assert min(sizes) >= MIB // 4
    assert sum(sizes) <= 5 * MIB
    with pipe.asking() as size:
        assert size == MIB
    payload.close()


class Slow:
    """A hasher that begins when it is let go."""

    def __init__(self, monkeypatch):
        self.may_go = threading.Event()
        for name in ("_hash_held", "_hash_read"):
            monkeypatch.setattr(Hasher, name, self._after(getattr(Hasher, name)))

    def _after(self, work):
        if work.__name__ == "_hash_held":

            def hold(*arguments):
                self.may_go.wait()
                return work(*arguments)

            return hold

        async def hold_too(*arguments):
            await trio.to_thread.run_sync(self.may_go.wait)
            return await work(*arguments)

        return hold_too


@pytest.mark.parametrize(
    ("first", "after", "is_bound"), [(0, 3, True), (RUN, RUN, False)], ids=["in order", "not in order"]
)
async def test_what_comes_in_order_faster_than_it_is_hashed_is_told(tmp_path, monkeypatch, first, after, is_bound):
    """Of what comes in another order nothing follows: what is between may be what a slow connection still brings."""
    hasher = Slow(monkeypatch)
    payload = Payload(Area("key", tmp_path, tmp_path / "data"))
    payload.restart(Entity())
    ledger = Ledger(2 * RUN * CHUNK)
    pipe = Pipe(payload, ledger, Hasher(payload, ledger))
    before, answer = ledger.claim(first) if first else None, Endless()
    async with pipe.running(), trio.open_nursery() as nursery:
        claim = ledger.claim(RUN)
        nursery.start_soon(Body(answer, None, Pace()).take, claim, ledger, pipe, lambda _, has_more, idle: None)
        while len(ledger.done) < after:
            await trio.lowlevel.checkpoint()
        assert pipe.is_hash_bound is is_bound
        hasher.may_go.set()
        if before:
            ledger.give_up(before)
    payload.close()
