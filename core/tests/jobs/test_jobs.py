"""Jobs of one process: recorded first, ended in exactly one way, and told of in the same transaction."""

from __future__ import annotations

import logging
from contextlib import aclosing, suppress

import pytest
import trio
import trio.testing

from papin.errors import Conflict, NotFound, RegistryFailed, StorageFailed
from papin.events import DownloadProgressed
from papin.models import Progress


async def _ended(jobs, job):
    """The job as it is when it is over."""
    async with aclosing(jobs.follow(job.id)) as changes:
        return [each async for each in changes][-1]


async def test_a_job_is_recorded_before_it_begins(home):
    seen = []

    async def body(handle):
        seen.append((home.job(handle.id).state, home.registry.read.job_request(handle.id)))
        return "model"

    async with home.jobs() as jobs:
        job = await jobs.start("download", "hf:org/repo", b"request", body)
        last = await _ended(jobs, job)
    assert seen == [("running", b"request")]
    assert (last.state, last.model, last.subject) == ("completed", "model", "hf:org/repo")
    assert home.history(job.id) == ["DownloadQueued", "DownloadCompleted"]
    assert home.bus.journalled == home.history(job.id)


async def test_an_expected_error_is_kept_whole(home):
    async def body(handle):
        raise NotFound("no such thing", next_step="look elsewhere")

    async with home.jobs() as jobs:
        last = await _ended(jobs, await jobs.start("download", "x", b"", body))
    assert last.state == "failed"
    assert last.error == NotFound("no such thing", next_step="look elsewhere").problem()
    assert home.history(last.id) == ["DownloadQueued", "DownloadFailed"]


async def test_an_expected_error_from_within_a_nursery(home):
    async def body(handle):
        async with trio.open_nursery() as nursery:

            async def fail():
                raise NotFound("inside")

            nursery.start_soon(fail)
            await trio.sleep_forever()

    async with home.jobs() as jobs:
        last = await _ended(jobs, await jobs.start("download", "x", b"", body))
    assert last.error.code == "ERR_NOT_FOUND"


async def test_a_bug_ends_its_job_only_and_is_logged_with_its_traceback(home, caplog):
    async def body(handle):
        raise ZeroDivisionError("canary")

    async with home.jobs() as jobs:
        other = await jobs.start("download", "y", b"", _wait)
        with caplog.at_level(logging.ERROR):
            last = await _ended(jobs, await jobs.start("download", "x", b"", body))
        assert home.job(other.id).state == "running"
    assert last.error.code == "ERR_PAPIN"
    assert "canary" not in last.error.message
    assert caplog.records[0].exc_info[0] is ZeroDivisionError


async def _wait(handle):
    await trio.sleep_forever()


async def test_the_user_cancels(home):
    async with home.jobs() as jobs:
        job = await jobs.start("download", "x", b"", _wait)
        with trio.fail_after(60):
            cancelled = await jobs.cancel(job.id[:6])
        assert cancelled.state == "cancelled"
        with pytest.raises(Conflict):
            await jobs.cancel(job.id)
    assert home.history(job.id) == ["DownloadQueued", "DownloadCancelled"]


async def test_the_user_pauses_and_only_the_user_resumes(home):
    async def body(handle):
        return "model"

    async with home.jobs() as jobs:
        job = await jobs.start("download", "x", b"", _wait)
        assert (await jobs.pause(job.id)).state == "paused"
        with pytest.raises(Conflict):
            await jobs.pause(job.id)
    async with home.jobs() as jobs:
        assert jobs.recovered == ()
        assert home.job(job.id).state == "paused"
        assert (await _ended(jobs, await jobs.restart(job.id, body))).state == "completed"
    assert home.history(job.id) == ["DownloadQueued", "DownloadPaused", "DownloadResumed", "DownloadCompleted"]


async def test_a_paused_and_an_interrupted_job_can_be_cancelled_and_paused(home):
    async with home.jobs() as jobs:
        paused = await jobs.start("download", "x", b"", _wait)
        await jobs.pause(paused.id)
        interrupted = await jobs.start("download", "y", b"", _wait)
    async with home.jobs() as jobs:
        assert (await jobs.pause(interrupted.id)).state == "paused"
        assert (await jobs.cancel(paused.id)).state == "cancelled"
        with pytest.raises(Conflict):
            await jobs.pause(paused.id)


async def test_a_job_that_waits_is_queued_and_says_for_what(home):
    async def body(handle):
        handle.wait_for("the night, until 23:00")
        await trio.sleep_forever()

    async with home.jobs() as jobs:
        job = await jobs.start("download", "x", b"", body)
        async with aclosing(jobs.follow(job.id)) as changes:
            async for each in changes:
                if each.state == "queued":
                    break
        assert each.waiting == "the night, until 23:00"
        assert (await jobs.pause(job.id)).waiting == ""


async def test_an_error_of_the_clean_up_does_not_hide_that_it_was_cancelled(home):
    async def body(handle):
        try:
            await trio.sleep_forever()
        finally:
            raise NotFound("while cleaning up")

    async with home.jobs() as jobs:
        job = await jobs.start("download", "x", b"", body)
        assert (await jobs.cancel(job.id)).state == "cancelled"


async def test_what_was_finished_before_the_cancel_came_is_completed(home):
    async def body(handle):
        with suppress(trio.Cancelled):  # it comes, and finds nothing left to do
            await trio.sleep_forever()
        return "model"

    async with home.jobs() as jobs:
        job = await jobs.start("download", "x", b"", body)
        assert (await jobs.cancel(job.id)).state == "completed"
    assert home.job(job.id).state == "completed"


async def test_d12_the_end_of_the_kernel_interrupts(home):
    async with home.jobs() as jobs:
        job = await jobs.start("download", "x", b"", _wait)
    assert home.job(job.id).state == "interrupted"
    assert home.history(job.id) == ["DownloadQueued", "DownloadInterrupted"]
    assert list((home.run / "jobs").iterdir()) == []


async def test_a_job_is_begun_again_under_its_id(home):
    async def body(handle):
        return "model"

    async with home.jobs() as jobs:
        job = await jobs.start("download", "x", b"request", _wait)
        with pytest.raises(Conflict):
            await jobs.restart(job.id, body)
    async with home.jobs() as jobs:
        again = await jobs.restart(job.id, body)
        assert (again.id, again.state, again.created_at) == (job.id, "running", job.created_at)
        assert (await _ended(jobs, again)).state == "completed"
        with pytest.raises(Conflict, match="completed"):
            await jobs.restart(job.id, body)
        with pytest.raises(NotFound):
            await jobs.restart("nothing", body)
    assert home.history(job.id) == ["DownloadQueued", "DownloadInterrupted", "DownloadResumed", "DownloadCompleted"]


async def test_a_job_that_is_begun_again_while_it_ends_is_a_run_of_its_own(home, monkeypatch):
    async with home.jobs() as jobs, trio.open_nursery() as nursery:
        drop, may_go_on, dropped = jobs._locks.drop, trio.Event(), trio.Event()

        async def drop_and_linger(job_id):
            await drop(job_id)
            dropped.set()
            await may_go_on.wait()

        monkeypatch.setattr(jobs._locks, "drop", drop_and_linger)
        job = await jobs.start("download", "x", b"", _wait)
        nursery.start_soon(jobs.pause, job.id)
        await dropped.wait()
        await jobs.restart(job.id, _wait)
        may_go_on.set()
        await trio.testing.wait_all_tasks_blocked()
        assert (await jobs.cancel(job.id)).state == "cancelled"


async def test_who_begins_a_job_again_twice_gets_a_conflict_and_no_wait_for_its_end(home, jumping_clock):
    conflicts = []

    async def restart(job_id):
        try:
            await jobs.restart(job_id, _wait)
        except Conflict as error:
            conflicts.append(error)

    async with home.jobs() as jobs:
        job = await jobs.start("download", "x", b"", _wait)
        await jobs.cancel(job.id)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(restart, job.id)
            nursery.start_soon(restart, job.id)
        assert home.job(job.id).state == "running"
    assert len(conflicts) == 1


async def test_an_interrupted_job_can_be_cancelled(home):
    async with home.jobs() as jobs:
        job = await jobs.start("download", "x", b"", _wait)
    async with home.jobs() as jobs:
        assert (await jobs.cancel(job.id)).state == "cancelled"
    assert home.history(job.id)[-1] == "DownloadCancelled"


async def test_a_verification_is_no_download(home):
    async with home.jobs() as jobs:
        job = await jobs.start("verify", "x", b"", _wait)
        await jobs.cancel(job.id)
    assert home.history(job.id) == []


async def test_progress_is_throttled_and_its_end_is_exact(home, autojump_clock):
    async def body(handle):
        for done in range(2001):
            handle.report(Progress(phase="downloading", done=done, total=2000))
            await trio.sleep(0.001)
        for _ in range(100):
            handle.report(Progress(phase="verifying", done=2000, total=2000))
        return "model"

    async with home.jobs() as jobs:
        last = await _ended(jobs, await jobs.start("download", "x", b"", body))
    told = [event.progress for event in home.bus.events if isinstance(event, DownloadProgressed)]
    assert 8 <= len(told) <= 12
    assert [each.done for each in told] == sorted(each.done for each in told)
    assert told[-1] == last.progress == Progress(phase="verifying", done=2000, total=2000)
    assert home.history(last.id) == ["DownloadQueued", "DownloadStarted", "DownloadCompleted"]


async def test_progress_is_in_the_record_while_it_runs(home):
    reported = trio.Event()

    async def body(handle):
        handle.report(Progress(phase="downloading", done=1, total=2))
        reported.set()
        await trio.sleep_forever()

    async with home.jobs() as jobs:
        job = await jobs.start("download", "x", b"", body)
        async with aclosing(jobs.follow(job.id)) as changes:
            async for each in changes:
                if each.progress is not None:
                    break
        assert each.progress.done == 1
        assert home.history(job.id) == ["DownloadQueued", "DownloadStarted"]


async def test_a_follower_sees_each_change_and_the_end(home):
    go_on = trio.Event()

    async def body(handle):
        await go_on.wait()
        return "model"

    states = []
    async with home.jobs() as jobs:
        job = await jobs.start("download", "x", b"", body)
        async with aclosing(jobs.follow(job.id)) as changes:
            async for each in changes:
                states.append(each.state)
                go_on.set()
    assert states == ["running", "completed"]


class _Failing:
    """A registry that can no longer be written after a while."""

    def __init__(self, registry):
        self._registry = registry
        self.read = registry.read
        self.is_broken = False

    def change(self, apply, *, durable=True):
        if self.is_broken:
            raise RegistryFailed("the disk is gone")
        return self._registry.change(apply, durable=durable)


async def test_a_registry_that_fails_at_the_end_leaves_the_job_to_the_next_start(home, caplog):
    registry = _Failing(home.registry)

    async def body(handle):
        registry.is_broken = True
        handle.report(Progress(phase="downloading", done=1))
        return "model"

    async with home.jobs(registry) as jobs:
        job = await jobs.start("download", "x", b"", body)
        while job.id in jobs._running:
            await jobs._running[job.id].over.wait()
        with pytest.raises(RegistryFailed):
            await jobs.start("download", "y", b"", body)
        assert jobs._running == {}
    assert "could not be recorded" in caplog.text
    assert home.job(job.id).state == "running"
    async with home.jobs() as jobs:
        assert jobs.recovered == (job.id,)
    assert home.job(job.id).state == "interrupted"


async def test_a_run_folder_that_cannot_be_used_is_said(home):
    async with home.jobs() as jobs:
        (home.run / "jobs").rmdir()
        with pytest.raises(StorageFailed) as caught:
            await jobs.start("download", "x", b"", _wait)
    assert caught.value.next_step
    assert home.states == []


async def test_a_warning_is_recorded_and_journalled_once(home):
    async def body(handle):
        for _ in range(3):
            handle.warn("a source was dropped")
            await trio.testing.wait_all_tasks_blocked(0.01)
        return "model"

    async with home.jobs() as jobs:
        last = await _ended(jobs, await jobs.start("download", "x", b"", body))
        again = await jobs.start("download", "y", b"", body)
        await _ended(jobs, again)
    assert last.warnings == ("a source was dropped",)
    assert home.history(last.id) == ["DownloadQueued", "DownloadWarned", "DownloadCompleted"]


async def test_the_last_progress_before_a_silence_is_passed_on(home):
    async def body(handle):
        handle.report(Progress(phase="downloading", total=9))
        await trio.testing.wait_all_tasks_blocked(0.05)
        for done in range(1, 5):
            handle.report(Progress(phase="downloading", done=done, total=9))
        await trio.sleep_forever()

    async with home.jobs() as jobs:
        job = await jobs.start("download", "x", b"", body)
        async with aclosing(jobs.follow(job.id)) as changes:
            async for each in changes:
                if each.progress and each.progress.done == 4:
                    break
    told = [event.progress.done for event in home.bus.events if isinstance(event, DownloadProgressed)]
    assert told == [0, 4]


async def test_what_went_on_shows_the_progress_from_before(home):
    async def stop(handle):
        handle.report(Progress(phase="downloading", done=5, total=9))
        raise NotFound("gone")

    seen = []

    async def go_on(handle):
        seen.append(handle.latest)
        raise NotFound("gone again")

    async with home.jobs() as jobs:
        job = await _ended(jobs, await jobs.start("download", "x", b"", stop))
        last = await _ended(jobs, await jobs.restart(job.id, go_on))
    assert seen == [Progress(phase="downloading", done=5, total=9)]
    assert last.progress == seen[0]


async def test_a_job_of_a_process_that_died_meanwhile_is_noticed(home):
    async with home.jobs() as jobs:
        async with home.worker() as (process, job_id):
            assert await jobs.notice_dead() == ()
            process.kill()
            await process.wait()
        assert await jobs.notice_dead() == (job_id,)
        assert home.job(job_id).state == "interrupted"
