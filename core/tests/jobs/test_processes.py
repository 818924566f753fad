"""Jobs of several processes: real ones, killed and asked from outside."""

from __future__ import annotations

import signal
from contextlib import aclosing

import msgspec
import pytest
import trio
import trio.testing

from papin._registry import _wakeup, is_alive, this_process
from papin.errors import Conflict


async def _until(jobs, job_id, state):
    async with aclosing(jobs.follow(job_id)) as changes:
        async for each in changes:
            if each.state == state:
                return each
    raise AssertionError(each)


async def _wait(handle):
    await trio.sleep_forever()


async def test_d10_a_job_whose_process_is_killed_is_interrupted_for_who_follows_it(home):
    async with home.jobs() as jobs, home.worker() as (process, job_id):
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_until, jobs, job_id, "interrupted")
                async with aclosing(jobs.follow(job_id)) as changes:
                    async for _ in changes:
                        process.kill()
    assert home.history(job_id)[-1] == "DownloadInterrupted"
    assert home.history(job_id).count("DownloadInterrupted") == 1


async def test_d10_a_job_whose_process_was_killed_is_found_by_the_next_start(home):
    async with home.worker() as (process, job_id):
        process.kill()
        await process.wait()
    async with home.jobs() as jobs:
        assert jobs.recovered == (job_id,)
    async with home.jobs() as jobs:
        assert jobs.recovered == ()
    assert home.job(job_id).state == "interrupted"


async def test_a_job_of_a_living_process_is_left_alone(home):
    async with home.worker() as (_, job_id), home.jobs() as jobs:
        assert jobs.recovered == ()
        assert home.job(job_id).state == "running"
        with pytest.raises(Conflict):
            await jobs.restart(job_id, _wait)


async def test_d15_a_free_lock_alone_proves_nothing(home):
    async with home.worker() as (_, job_id):
        (home.run / "jobs" / f"{job_id}.lock").unlink()
        async with home.jobs() as jobs:
            assert jobs.recovered == ()
            with pytest.raises(Conflict):
                await jobs.restart(job_id, _wait)
        assert home.job(job_id).state == "running"


async def test_d16_a_process_id_that_was_given_to_another_process(home):
    async with home.jobs() as jobs:
        job = await jobs.start("download", "x", b"", _wait)
    earlier = msgspec.structs.replace(this_process(), started=1)
    assert not is_alive(earlier)

    def as_if_killed(write):
        taken = write.take_job(job.id, earlier)
        write.update_job(msgspec.structs.replace(taken, state="running"))

    home.registry.change(as_if_killed)
    async with home.jobs() as jobs:
        assert jobs.recovered == (job.id,)


async def test_a_job_is_cancelled_from_another_process(home):
    async with home.worker() as (process, job_id), home.jobs() as jobs:
        with trio.fail_after(60):
            await jobs.cancel(job_id)
            await _until(jobs, job_id, "cancelled")
            await process.wait()
    assert process.returncode == 0
    assert home.history(job_id)[-1] == "DownloadCancelled"


async def test_a_process_whose_lock_is_free_before_it_is_gone_is_noticed_when_it_is(home):
    async with home.worker() as (process, job_id), home.jobs() as jobs:
        (home.run / "jobs" / f"{job_id}.lock").unlink()
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_until, jobs, job_id, "interrupted")
                await trio.testing.wait_all_tasks_blocked(0.1)
                process.kill()


async def test_d4_an_end_that_wakes_nobody_is_noticed_by_its_lock(home):
    """Who has too many files open can write into its registry, and into no more FIFOs of others."""
    async with home.jobs() as jobs, home.worker() as (_, job_id):
        with trio.fail_after(60):
            async with aclosing(jobs.follow(job_id)) as changes:
                assert (await anext(changes)).state == "running"
                for path in (home.run / "followers").iterdir():
                    if str(path) in _wakeup._own:
                        path.unlink()
                await jobs.cancel(job_id)
                assert [each.state async for each in changes][-1] == "cancelled"


async def test_a_job_is_paused_from_another_process_and_resumed_here(home):
    async def body(handle):
        return "m"

    async with home.worker() as (process, job_id), home.jobs() as jobs:
        with trio.fail_after(60):
            await jobs.pause(job_id)
            await _until(jobs, job_id, "paused")
            await process.wait()
        assert process.returncode == 0
        again = await jobs.restart(job_id, body)
        assert (await _until(jobs, again.id, "completed")).model == "m"
    assert home.history(job_id)[-3:] == ["DownloadPaused", "DownloadResumed", "DownloadCompleted"]


async def test_a_job_of_a_dead_process_is_cancelled_by_whoever_asks(home):
    async with home.worker() as (process, job_id), home.jobs() as jobs:
        process.kill()
        await process.wait()
        assert (await jobs.cancel(job_id)).state == "cancelled"


async def test_what_another_process_began_is_gone_on_with(home):
    async def body(handle):
        return home.registry.read.job_request(handle.id).decode()

    async with home.worker() as (process, job_id):
        process.kill()
        await process.wait()
    async with home.jobs() as jobs:
        job = await jobs.restart(job_id, body)
        assert (await _until(jobs, job.id, "completed")).model == "r"


async def test_two_processes_do_not_begin_the_same_job_again(home):
    async with home.jobs() as jobs:
        job = await jobs.start("download", "x", b"", _wait)
    async with home.worker(job.id) as (_, first), home.worker(job.id) as (_, second):
        assert {first, second} == {job.id, "ERR_CONFLICT"}


async def test_d12_ctrl_c_interrupts(home):
    async with home.worker() as (process, job_id):
        process.send_signal(signal.SIGINT)
        with trio.fail_after(60):
            await process.wait()
    assert home.job(job_id).state == "interrupted"
    assert home.history(job_id)[-1] == "DownloadInterrupted"
