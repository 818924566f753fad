"""The limit on the speed is kept on trio's clock, alone and within another one, and may change at any time."""

import fcntl
import math
from pathlib import Path

import pytest
import trio
import trio.testing

from papin._transfers import Pace, SharedBucket

MIB = 1 << 20
FULL = Path("/dev/full")


async def flow(pace, seconds, piece=None):
    """Take as fast as may be; return the bytes."""
    taken = 0
    with trio.move_on_after(seconds):
        while True:
            taken += piece or pace.piece
            await pace.take(piece or pace.piece)
    return taken


@pytest.mark.parametrize("rate", [10_000, 300_000, 2.5 * MIB, 400 * MIB])
async def test_exact_over_ten_seconds(autojump_clock, rate):
    assert await flow(Pace(rate), 10) == pytest.approx(rate * 10, rel=0.05)


async def test_no_limit_waits_for_nothing(autojump_clock):
    pace = Pace()
    began = trio.current_time()
    for _ in range(1000):
        await pace.take(MIB)
    assert trio.current_time() == began
    assert pace.piece == MIB


async def test_a_pause_saves_up_almost_nothing(autojump_clock):
    pace = Pace(MIB)
    await flow(pace, 1)
    await trio.sleep(100)
    assert await flow(pace, 10) == pytest.approx(10 * MIB, rel=0.05)


async def test_several_within_one_limit(autojump_clock):
    whole = Pace(4 * MIB)
    paces = [Pace(within=whole) for _ in range(4)]
    taken = []

    async def one(pace):
        taken.append(await flow(pace, 10))

    async with trio.open_nursery() as nursery:
        for pace in paces:
            nursery.start_soon(one, pace)
    assert sum(taken) == pytest.approx(40 * MIB, rel=0.05)
    assert max(taken) < 1.2 * min(taken)


async def test_the_smaller_of_two_limits(autojump_clock):
    assert await flow(Pace(MIB, within=Pace(10 * MIB)), 10) == pytest.approx(10 * MIB, rel=0.05)
    assert await flow(Pace(10 * MIB, within=Pace(MIB)), 10) == pytest.approx(10 * MIB, rel=0.05)


async def test_a_change_counts_at_once(autojump_clock):
    pace = Pace(100)
    async with trio.open_nursery() as nursery:

        async def change():
            await trio.sleep(5)
            pace.rate = 1 * MIB
            await trio.sleep(10)
            pace.rate = None

        nursery.start_soon(change)
        began = trio.current_time()
        await pace.take(100_000)
        assert trio.current_time() - began == pytest.approx(5.1, abs=0.2)
        assert await flow(pace, 9.9) == pytest.approx(9.9 * MIB, rel=0.05)
        await trio.sleep(1)
        assert pace.piece == MIB
        before = trio.current_time()
        await pace.take(10**12)
        assert trio.current_time() == before
    assert pace.rate is None


async def test_nothing_may_come_until_it_may(autojump_clock):
    pace = Pace(0)
    with trio.move_on_after(1000) as scope:
        await pace.take(1)
    assert scope.cancelled_caught
    assert not math.isinf(trio.current_time())


class Unthreaded(SharedBucket):
    """Draws at once and on trio's clock, which would jump while a thread does it."""

    async def draw(self, count, rate):
        return self._draw(count, rate, trio.current_time())


def processes(path, count, rate):
    """Paces as so many processes have them, which share one limit."""
    return [Pace(rate, bucket=Unthreaded(path)) for _ in range(count)]


async def test_processes_share_one_limit_exactly(autojump_clock, tmp_path):
    taken = []

    async def one(pace):
        taken.append(await flow(pace, 10))

    async with trio.open_nursery() as nursery:
        for pace in processes(tmp_path / "pace", 3, 3 * MIB):
            nursery.start_soon(one, pace)
    assert sum(taken) == pytest.approx(30 * MIB, rel=0.05)
    assert max(taken) < 1.2 * min(taken)


async def test_what_a_slow_process_leaves_another_one_gets(autojump_clock, tmp_path):
    slow, fast, _idle = processes(tmp_path / "pace", 3, 2 * MIB)
    taken = []

    async def trickle():
        taken.append(await flow(Pace(MIB // 10, within=slow), 10))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trickle)
        taken.append(await flow(fast, 10))
    assert sum(taken) == pytest.approx(20 * MIB, rel=0.05)
    assert min(taken) == pytest.approx(MIB, rel=0.05)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 16, (1e300).hex().encode()])
async def test_a_shared_file_that_makes_no_sense(autojump_clock, tmp_path, content):
    (tmp_path / "pace").write_bytes(content)
    (pace,) = processes(tmp_path / "pace", 1, MIB)
    assert await flow(pace, 10) == pytest.approx(10 * MIB, rel=0.05)


async def test_somebody_who_stopped_with_the_shared_file_in_his_hand(autojump_clock, tmp_path):
    (pace,) = processes(tmp_path / "pace", 1, MIB)
    with (tmp_path / "pace").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert await flow(pace, 10) == pytest.approx(10 * MIB, rel=0.05)


async def test_a_shared_file_that_cannot_be_made(autojump_clock, tmp_path):
    (pace,) = processes(tmp_path / "missing" / "pace", 1, MIB)
    assert await flow(pace, 10) == pytest.approx(10 * MIB, rel=0.05)


@pytest.mark.skipif(not FULL.exists(), reason="needs a device that is always full")
async def test_d3_what_cannot_be_written_into_the_shared_file_is_counted_once():
    bucket = SharedBucket(FULL)
    assert 0.9 * MIB < await bucket.draw(MIB, 1000.0) <= MIB
    assert 1.9 * MIB < await bucket.draw(MIB, 1000.0) <= 2 * MIB
    assert 2.9 * MIB < await bucket.draw(MIB, 1000.0) <= 3 * MIB


async def test_what_one_process_draws_another_one_waits_for(tmp_path):
    one, other = SharedBucket(tmp_path / "pace"), SharedBucket(tmp_path / "pace")
    assert await one.draw(10 * MIB, 1000.0) <= 10 * MIB
    assert await other.draw(MIB, 1000.0) > 10.5 * MIB
    assert await one.draw(MIB, 1000.0) > 11.5 * MIB
