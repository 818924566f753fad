"""When downloads may run: hours, places, limits, and what a server asks. Real locks and registries, no waiting."""

from __future__ import annotations

import subprocess
import sys
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import trio
import trio.testing

from papin._jobs import JobHandle, Ledger, Wakeups
from papin._operations import _turns
from papin._operations._hours import parse_hours
from papin._operations._limits import Limits
from papin._operations._line import Line
from papin._operations._turns import Turns
from papin._registry import open_registry, this_process
from papin.errors import NameInvalid, TooManyRequests
from papin.models import Job
from papin.sizes import parse_size

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 1, 31, 12, 0)  # noqa: DTZ001  on the wall of this machine


def _at(*date, zone=BERLIN):
    return datetime(*date, tzinfo=zone).timestamp()


@pytest.mark.parametrize(
    ("text", "now", "is_open", "opens_in", "closes_in"),
    [
        ("23:00-07:00", (2026, 1, 1, 12, 0), False, 11, 19),
        ("23:00-07:00", (2026, 1, 1, 23, 0), True, 24, 8),
        ("23:00-07:00", (2026, 1, 1, 6, 0), True, 17, 1),
        ("9:00-17:00", (2026, 1, 1, 17, 0), False, 16, 24),
        ("9:00-17:00", (2026, 1, 1, 9, 0), True, 24, 8),
        ("23:00-07:00", (2026, 3, 28, 23, 0), True, 23, 7),  # an hour is left out that night
        ("23:00-07:00", (2026, 10, 24, 23, 0), True, 25, 9),  # an hour comes twice
    ],
)
def test_hours(text, now, is_open, opens_in, closes_in):
    hours, stamp = parse_hours(text), _at(*now)
    assert hours.is_open(stamp, BERLIN) is is_open
    assert hours.opens_in(stamp, BERLIN) == opens_in * 3600
    assert hours.closes_in(stamp, BERLIN) == closes_in * 3600


@pytest.mark.parametrize("text", ["23", "23:00", "24:00-07:00", "23:60-07:00", "07:00-07:00", "a:00-b:00", "23:00-7"])
def test_what_are_no_hours(text):
    with pytest.raises(NameInvalid) as caught:
        parse_hours(text)
    assert caught.value.next_step


def test_no_hours_are_always():
    assert parse_hours("") is None


@pytest.mark.parametrize(
    ("text", "size"),
    [("5MB", 5_000_000), ("1.5 GB", 1_500_000_000), ("512KiB", 524_288), ("1000", 1000), ("2k", 2000), ("7 b", 7)],
)
def test_sizes_as_people_type_them(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "none", "-1", "1e3", "5XB", "5 MB/s"])
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match="like 5MB"):
        parse_size(text)


# --- the line


def _job(number, **more):
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
    fields = {"kind": "download", "subject": "x", "state": "running", "created_at": at, "updated_at": at}
    return Job(id=f"j{number}", **fields | more)


_HOLDER = """
import sys, trio
from datetime import UTC, datetime
from pathlib import Path
from papin._operations._line import Line
from papin.models import Job
now = datetime(2025, 1, 1, tzinfo=UTC)
job = Job(id="other", kind="download", subject="x", state="running", created_at=now, updated_at=now)
async def main():
    async with Line(Path(sys.argv[1]), 1).stand(job, lambda: print("waits", flush=True)):
        print("in", flush=True)
        await trio.to_thread.run_sync(sys.stdin.read)
trio.run(main)
"""


@pytest.fixture
def holder(tmp_path):
    command = [sys.executable, "-c", _HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "in\n"
        yield child
        child.kill()


async def test_the_place_of_a_process_that_is_killed_is_free(tmp_path, holder):
    waits = []

    def on_wait():
        waits.append(True)
        holder.kill()

    with trio.fail_after(60):
        async with Line(tmp_path, 1).stand(_job(1), on_wait):
            assert waits == [True]


async def test_the_line_is_in_the_order_of_the_jobs_and_keeps_its_bound(tmp_path):
    line, went, now = Line(tmp_path, 2), [], []
    stood = {number: trio.Event() for number in (1, 2, 3, 4, 5)}
    may_end = trio.Event()

    async def stand(number):
        async with line.stand(_job(number), stood[number].set):
            went.append(number)
            now.append(number)
            assert len(now) <= 2
            stood[number].set()
            await may_end.wait()
            await trio.lowlevel.checkpoint()
            now.remove(number)

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            for number in (1, 2, 5, 4, 3):
                nursery.start_soon(stand, number)
                await stood[number].wait()
            assert went == [1, 2]
            may_end.set()
    assert sorted(went) == [1, 2, 3, 4, 5]
    assert not list(tmp_path.rglob("ticket-*"))


async def test_who_gives_up_leaves_the_line(tmp_path):
    line, waits = Line(tmp_path, 1), trio.Event()
    async with line.stand(_job(1), lambda: None):
        async with trio.open_nursery() as nursery:

            async def give_up():
                async with line.stand(_job(2), waits.set):
                    raise AssertionError("the place is taken")

            nursery.start_soon(give_up)
            await waits.wait()
            nursery.cancel_scope.cancel()
        assert not list(tmp_path.rglob("ticket-*"))


# --- turns


class World:
    """A registry with one job, and turns with a clock on the wall that goes as trio's does, from noon."""

    def __init__(self, root):
        self.run = root / "run"
        self.run.mkdir()
        self.registry = open_registry(root / "registry.db", self.run)
        self.told = []
        self.set_by = 0.0  # seconds that somebody sets the clock on the wall by
        self.ledger = Ledger(self.registry, self)
        self.wakeups = Wakeups(self.run)
        self.limits = Limits(self.run, self.ledger, self.wakeups, 1000)
        self.turns = Turns(
            Line(self.run, 2),
            self.limits,
            self.ledger,
            self.wakeups,
            clock=lambda: NOON.timestamp() + trio.current_time() + self.set_by,
        )
        self.handle = JobHandle("j1", self.publish, lambda handle: self.told.append(handle.waiting), self.publish)

    def publish(self, event):
        return None

    publish_envelope = publish

    def add(self, job):
        self.registry.change(lambda write: write.add_job(job, b"", this_process()))
        return job

    @asynccontextmanager
    async def following(self):
        async def nothing():
            return None

        async with trio.open_nursery() as nursery:
            await nursery.start(self.wakeups.run, nothing)
            yield
            nursery.cancel_scope.cancel()


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.registry.close()


@pytest.fixture
def clock(monkeypatch):
    """Starts at 0, and jumps over waits once nothing has happened for a while; waits in a few pieces, as each takes it."""
    monkeypatch.setattr(_turns, "_LONGEST", 3 * 3600.0)
    return trio.testing.MockClock(autojump_threshold=0.1)


async def test_outside_its_hours_a_job_waits_and_says_until_when(world, clock):
    began = []

    async def fetch(pace):
        began.append(trio.current_time())
        return "m"

    job = world.add(_job(1, between="23:00-07:00"))
    assert await world.turns.run(job, world.handle, fetch) == "m"
    assert 0 <= began[0] - 11 * 3600 < 1
    assert world.told == ["until 23:00", ""]


async def test_when_its_hours_end_it_stops_until_they_come_again(world, clock):
    began = []

    async def fetch(pace):
        began.append(trio.current_time())
        if len(began) == 1:
            await trio.sleep_forever()
        return "m"

    assert await world.turns.run(world.add(_job(1)), world.handle, fetch, "11:00-13:00") == "m"
    assert [round(each / 3600) for each in began] == [0, 23]
    assert world.told == ["until 11:00 tomorrow", "until 11:00", ""]


@pytest.fixture
def real_clock():
    """Starts at 0, which is noon in the world of these tests, and goes as fast as any other."""
    return trio.testing.MockClock(rate=1.0)


async def test_hours_that_are_changed_hold_at_once(world, real_clock):
    began = trio.Event()

    async def fetch(pace):
        if not began.is_set():
            began.set()
            world.registry.change(lambda write: write.set_terms("j1", limit=None, between="23:00-07:00"))
            await trio.sleep_forever()
        return "m"

    async def open_again():
        await began.wait()
        while "until 23:00" not in world.told:
            await trio.testing.wait_all_tasks_blocked(0.01)
        world.registry.change(lambda write: write.set_terms("j1", limit=None, between="always"))

    with trio.fail_after(60):
        async with world.following(), trio.open_nursery() as nursery:
            nursery.start_soon(open_again)
            assert await world.turns.run(world.add(_job(1)), world.handle, fetch) == "m"
    assert world.told == ["until 23:00", ""]


async def test_what_a_server_defers_is_waited_for(world, clock):
    began = []

    async def fetch(pace):
        began.append(trio.current_time())
        if len(began) == 1:
            error = TooManyRequests("come back later")
            error.wait = 7200.0
            raise error
        return "m"

    assert await world.turns.run(world.add(_job(1)), world.handle, fetch) == "m"
    assert round(began[1] - began[0]) == 7200
    assert world.told == ["for the server, until 14:00", ""]


async def test_d13_a_clock_that_is_set_back_does_not_make_it_longer(world, clock):
    began = []

    async def fetch(pace):
        began.append(trio.current_time())
        if len(began) == 1:
            world.set_by = -365 * 86400.0
            error = TooManyRequests("come back later")
            error.wait = 7200.0
            raise error
        return "m"

    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def set_back():
            await trio.sleep(3600)
            world.set_by = -2 * 365 * 86400.0

        assert await world.turns.run(world.add(_job(1)), world.handle, fetch) == "m"
    assert round(began[1] - began[0]) == 7200


@pytest.mark.parametrize("wait", [None, 1e6])
async def test_what_a_server_refuses_for_good_or_for_days_is_an_error(world, wait):
    async def fetch(pace):
        error = TooManyRequests("go away")
        error.wait = wait
        raise error

    with pytest.raises(TooManyRequests, match="go away"):
        await world.turns.run(world.add(_job(1)), world.handle, fetch)


async def test_limits_change_while_it_runs(world):
    changed = trio.Event()

    async def fetch(pace):
        assert pace.rate == 500
        assert world.limits._together.rate == 1000
        world.registry.change(lambda write: (write.set_terms("j1", limit=700, between=""), write.set_speed_limit(None)))
        while pace.rate != 700 or world.limits._together.rate is not None:
            # The one that was told of the change may read it only now, in a thread.
            await trio.testing.wait_all_tasks_blocked(0.01)
        changed.set()
        return "m"

    with trio.fail_after(60):
        async with world.following():
            await world.turns.run(world.add(_job(1, limit=500)), world.handle, fetch)
    assert changed.is_set()


async def test_a_process_that_is_alone_may_have_all_of_the_limit(world):
    async def fetch(pace):
        await pace.take(0)
        return world.limits._together.rate

    job = world.add(_job(1))
    world.add(_job(2))
    assert await world.turns.run(job, world.handle, fetch) == 1000
    assert (world.run / "pace").stat().st_size == 16
