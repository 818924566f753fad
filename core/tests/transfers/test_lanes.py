"""How many connections: rates in, a number out. And how many of them a host sees from this process."""

import pytest
import trio
import trio.testing

from papin._transfers._hosts import Hosts
from papin._transfers._lanes import Lanes, Sample

MIB = 1 << 20
GIB = 1 << 30


class Line:
    """A server and a line as a model: so much for each connection, so much in all."""

    def __init__(
        self,
        lanes,
        *,
        each,
        whole=float("inf"),
        size=100 * GIB,
        held_up=0.0,
        waiting=0.0,
        idle=0.0,
        is_hash_bound=False,
    ):
        self.lanes = lanes
        self.each = each
        self.whole = whole
        self.missing = size
        self.received = 0.0
        self.now = 1000.0
        self.held_up = 0.0
        self.pressure = held_up
        self.waiting = waiting
        self.idle = idle
        self.is_hash_bound = is_hash_bound
        self.busy = 0.0  # the part of the time that others have the processor
        self.starved = 0.0
        self.targets = [lanes.target]

    def run(self, seconds, *, step=0.05):
        for _ in range(round(seconds / step)):
            self.now += step
            came = min(self.each * self.lanes.target, self.whole) * step
            self.received += came
            self.missing -= came
            self.held_up += self.pressure * step
            self.starved += self.busy * step
            sample = Sample(
                received=int(self.received),
                missing=int(self.missing),
                active=self.lanes.target,
                held_up=self.held_up,
                waiting=int(self.received * self.waiting),
                idle=self.now * self.idle,
                starved=self.starved,
                is_hash_bound=self.is_hash_bound,
            )
            target = self.lanes.look(self.now, sample)
            if target != self.targets[-1]:
                self.targets.append(target)
        return self.targets


def test_a_server_that_limits_each_connection_gets_many():
    assert Line(Lanes(), each=20 * MIB).run(3) == [1, 2, 4, 8, 16]


def test_what_comes_faster_than_it_is_hashed_comes_over_one_connection():
    assert Line(Lanes(), each=300 * MIB, is_hash_bound=True).run(60) == [1]


def test_never_more_than_is_polite():
    assert Line(Lanes(most=6), each=20 * MIB).run(60)[:4] == [1, 2, 4, 6]


def test_one_connection_that_fills_the_line_stays_alone_but_for_a_look_now_and_then():
    line = Line(Lanes(), each=100 * MIB, whole=100 * MIB)
    assert line.run(4) == [1, 2, 1]
    assert line.run(3) == [1, 2, 1, 2, 1]
    looks = len(line.run(600))
    assert 5 < looks < 40


def test_a_step_that_did_not_help_is_taken_back():
    assert Line(Lanes(), each=20 * MIB, whole=85 * MIB).run(4) == [1, 2, 4, 8, 4]


def test_a_hiccup_of_the_line_takes_no_step_back():
    line = Line(Lanes(), each=20 * MIB)
    line.run(0.3)
    line.whole = MIB
    line.run(0.3)
    line.whole = 1000 * MIB
    assert line.run(3) == [1, 2, 4, 8, 16]


def test_a_busy_processor_takes_no_step_back():
    line = Line(Lanes(), each=20 * MIB)
    assert line.run(0.7) == [1, 2, 4]
    line.busy, line.whole = 0.7, 30 * MIB
    assert line.run(30) == [1, 2, 4]
    line.busy, line.whole = 0.0, 1000 * MIB
    assert line.run(2) == [1, 2, 4, 8, 16]


def test_a_busy_processor_hides_a_line_that_is_full_only_as_long_as_it_is_busy():
    line = Line(Lanes(), each=100 * MIB, whole=100 * MIB)
    line.busy = 0.7
    assert line.run(30) == [1, 2]
    line.busy = 0.3
    assert line.run(1) == [1, 2, 1]


def test_a_busy_processor_is_no_reason_against_more():
    line = Line(Lanes(), each=20 * MIB)
    line.busy = 0.7
    assert line.run(3) == [1, 2, 4, 8, 16]


def test_little_is_left():
    assert Line(Lanes(), each=100 * MIB, size=120 * MIB).run(1) == [1]


def test_papin_itself_is_what_is_slow():
    assert Line(Lanes(), each=100 * MIB, held_up=0.8).run(20) == [1]
    assert Line(Lanes(), each=100 * MIB, waiting=0.8).run(20) == [1]
    assert Line(Lanes(), each=20 * MIB, held_up=0.3, waiting=0.5).run(3) == [1, 2, 4, 8, 16]


def test_bursts_of_a_server_are_not_taken_for_slowness_of_papin():
    assert Line(Lanes(), each=20 * MIB, waiting=0.9, idle=0.9).run(3) == [1, 2, 4, 8, 16]
    assert Line(Lanes(), each=100 * MIB, waiting=0.9, idle=0.2).run(20) == [1]
    assert Line(Lanes(), each=100 * MIB, waiting=0.9, idle=0.9, held_up=0.8).run(20) == [1]


def test_a_server_that_refuses_has_said_how_many():
    lanes = Lanes()
    line = Line(lanes, each=20 * MIB)
    line.run(0.9)
    lanes.refused(line.now, active=3)
    assert lanes.target == 3
    assert max(line.run(100)[-1:]) == 3


def test_at_least_one_is_left():
    lanes = Lanes()
    lanes.refused(0.0, active=0)
    assert lanes.target == 1


def test_far_servers_are_given_time_to_show_what_they_can():
    near, far = Lanes(), Lanes()
    near.answered(0.001)
    far.answered(0.4)
    assert Line(near, each=20 * MIB).run(0.7) == [1, 2, 4]
    assert Line(far, each=20 * MIB).run(0.7) == [1]


def test_runs_are_some_seconds_long_and_shorter_at_the_end():
    lanes = Lanes()
    assert lanes.run(1000, 4 * MIB) is None
    Line(lanes, each=20 * MIB).run(1.6)
    assert lanes.target == 16
    assert lanes.run(100_000, 4 * MIB) == 15
    assert lanes.run(64, 4 * MIB) == 2
    assert lanes.run(0, 4 * MIB) == 1


def test_runs_are_short_where_asking_costs_little_and_never_longer_than_what_is_left_allows():
    """The front of a file is complete sooner then, and what is there can be hashed."""
    near, far = Lanes(most=4), Lanes(most=4)
    near.answered(0.3)  # a name had to be looked up, and a connection made
    near.answered(0.004)
    far.answered(0.05)
    for lanes in (near, far):
        Line(lanes, each=20 * MIB).run(1.6)
        assert lanes.target == 4
    assert [near.run(free, 4 * MIB) for free in (100_000, 128, 64, 10)] == [15, 4, 2, 1]
    assert [far.run(free, 4 * MIB) for free in (100_000, 128, 64, 10)] == [15, 8, 8, 1]


def test_who_lags_far_behind_the_others():
    lanes = Lanes()
    assert not lanes.is_lagging(0)
    Line(lanes, each=20 * MIB).run(1.6)
    assert lanes.is_lagging(1 * MIB)
    assert not lanes.is_lagging(5 * MIB)


async def test_a_host_has_so_many_places():
    hosts = Hosts(most=2)
    async with hosts.one("a"):
        with hosts.one_more("a") as first, hosts.one_more("a") as second:
            assert (first, second) == (True, False)
        with hosts.one_more("a") as third:
            assert third
        with hosts.one_more("b") as elsewhere:
            assert elsewhere


async def test_who_waits_for_its_only_one_is_seen():
    hosts = Hosts(most=1)
    with hosts.one_more("a"):
        async with trio.open_nursery() as nursery:
            with pytest.raises(trio.TooSlowError), trio.fail_after(0):
                async with hosts.one("a"):
                    raise AssertionError

            async def wait():
                async with hosts.one("a"):
                    nursery.cancel_scope.cancel()
                    await trio.sleep_forever()

            assert not hosts.is_wanted("a")
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            assert hosts.is_wanted("a")
            nursery.cancel_scope.cancel()
    assert not hosts.is_wanted("a")
