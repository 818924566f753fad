"""Jobs belong to a process, and can be taken over when that process is gone."""

import os
import subprocess
import sys
from datetime import UTC, datetime

import msgspec
import pytest

from papin._registry import Owner, is_alive, this_process
from papin.errors import Ambiguous, Conflict, NotFound, Problem
from papin.models import Progress

LATER = datetime(2026, 5, 6, tzinfo=UTC)
PROGRESS = Progress(phase="downloading", done=3, total=9, speed=1.5, remaining=4.0, file="f")

_OWNER = "import msgspec; print(msgspec.json.encode(this_process()).decode(), flush=True)"


@pytest.fixture
def gone(home):
    """A process that has ended."""
    return msgspec.json.decode(home.do(_OWNER), type=Owner)


@pytest.fixture
def other(home):
    """A process that runs, and is not this one."""
    child = home.start(f"{_OWNER}; sys.stdin.read()")
    return msgspec.json.decode(child.stdout.readline(), type=Owner)


def test_a_job_comes_back_as_it_went_in(registry, make_job):
    job = make_job("j1", model="m", progress=PROGRESS, error=Problem(code="ERR_X", title="t", message="m"))
    registry.change(
        lambda write: (
            write.add_job(job, b"\0request", this_process()),
            write.add_job(make_job("j2"), b"", this_process()),
        )
    )
    assert registry.read.jobs() == (job, make_job("j2"))
    assert registry.read.job_request("j1") == b"\0request"
    assert registry.read.job_owner("j1") == this_process()


def test_a_job_is_found_by_a_prefix_and_nothing_else(registry, make_job):
    registry.change(
        lambda write: [write.add_job(make_job(name), b"", this_process()) for name in ("aa11", "aa22", "aa")]
    )
    assert registry.read.job("aa1").id == "aa11"
    assert registry.read.job("aa").id == "aa"
    with pytest.raises(Ambiguous, match="3 jobs"):
        registry.read.job("a")
    with pytest.raises(NotFound) as caught:
        registry.read.job("bb")
    assert caught.value.next_step


def test_a_taken_id_is_a_conflict(registry, make_job):
    registry.change(lambda write: write.add_job(make_job("j"), b"", this_process()))
    with pytest.raises(Conflict):
        registry.change(lambda write: write.add_job(make_job("j"), b"", this_process()))


def test_an_update_keeps_request_owner_and_the_wish_to_end(registry, make_job):
    registry.change(lambda write: write.add_job(make_job("j"), b"r", this_process()))
    registry.change(lambda write: write.request_cancel("j"))
    changed = make_job("j", progress=PROGRESS, updated_at=LATER)
    registry.change(lambda write: write.update_job(changed))
    assert registry.read.job("j") == changed
    assert registry.read.job_request("j") == b"r"
    assert registry.read.cancel_requests() == {"j"}


@pytest.mark.parametrize("name", ["j", "longer"])
def test_an_update_never_falls_on_another_job(registry, make_job, name):
    registry.change(lambda write: write.add_job(make_job("job-longer"), b"", this_process()))
    with pytest.raises(NotFound):
        registry.change(lambda write: write.update_job(make_job(name)))


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled", "interrupted"])
def test_late_progress_does_not_touch_a_job_that_ended(registry, make_job, state):
    registry.change(lambda write: write.add_job(make_job("j"), b"", this_process()))
    registry.change(lambda write: write.set_progress("j", PROGRESS), durable=False)
    assert registry.read.job("j").progress == PROGRESS
    registry.change(lambda write: write.update_job(make_job("j", state=state)))
    registry.change(lambda write: (write.set_progress("j", PROGRESS), write.set_progress("nobody", PROGRESS)))
    assert registry.read.job("j") == make_job("j", state=state)


def test_progress_is_not_journalled(registry, make_job):
    registry.change(lambda write: write.add_job(make_job("j"), b"", this_process()))
    _, envelopes = registry.change(lambda write: write.set_progress("j", PROGRESS))
    assert envelopes == []
    assert registry.read.last_seq() == 0


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled"])
def test_a_job_that_ended_cannot_be_cancelled(registry, make_job, state):
    registry.change(lambda write: write.add_job(make_job("j", state=state), b"", this_process()))
    with pytest.raises(Conflict, match=state):
        registry.change(lambda write: write.request_cancel("j"))
    assert registry.read.cancel_requests() == frozenset()


@pytest.mark.parametrize("state", ["queued", "running", "interrupted", "failed", "cancelled"])
def test_a_job_whose_process_is_gone_can_be_taken(registry, make_job, gone, state):
    problem = Problem(code="ERR_X", title="t", message="m")
    registry.change(
        lambda write: write.add_job(make_job("j", state=state, error=problem, progress=PROGRESS), b"r", gone)
    )
    if state not in {"failed", "cancelled"}:
        registry.change(lambda write: write.request_cancel("j"))
    taken, _ = registry.change(lambda write: write.take_job("j", this_process()))
    assert (taken.state, taken.error, taken.progress) == ("queued", None, PROGRESS)
    assert registry.read.job("j") == taken
    assert registry.read.job_owner("j") == this_process()
    assert registry.read.job_request("j") == b"r"
    assert registry.read.cancel_requests() == frozenset()


def test_a_job_of_a_running_process_is_its_own(registry, make_job, other):
    registry.change(lambda write: write.add_job(make_job("j"), b"", other))
    with pytest.raises(Conflict, match=str(other.pid)):
        registry.change(lambda write: write.take_job("j", this_process()))
    assert registry.read.job_owner("j") == other
    registry.change(lambda write: write.take_job("j", other))


def test_what_was_completed_is_not_taken(registry, make_job, gone):
    registry.change(lambda write: write.add_job(make_job("j", state="completed"), b"", gone))
    with pytest.raises(Conflict, match="completed"):
        registry.change(lambda write: write.take_job("j", this_process()))


def test_of_two_that_want_it_one_gets_it(home, registry, make_job, gone):
    registry.change(lambda write: write.add_job(make_job("j"), b"", gone))
    script = """
from papin.errors import Conflict
with open_registry(file, run) as registry:
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        registry.change(lambda write: write.take_job("j", this_process()))
        print("got")
    except Conflict:
        print("no")
    sys.stdout.flush()
    sys.stdin.read()
"""
    children = [home.start(script) for _ in range(3)]
    assert [child.stdout.readline() for child in children] == ["ready\n"] * 3
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    assert sorted(child.stdout.readline() for child in children) == ["got\n", "no\n", "no\n"]


def test_old_ended_jobs_are_dropped_and_unended_ones_never(registry, make_job):
    def apply(write):
        write.add_job(make_job("old", state="interrupted"), b"", this_process())
        for number in range(1100):
            write.add_job(make_job(f"j{number}", state="failed"), b"", this_process())

    registry.change(apply)
    jobs = registry.read.jobs()
    assert len(jobs) == 1001
    assert jobs[0].id == "old"
    assert jobs[-1].id == "j1099"


def test_a_process_is_told_from_a_later_one_of_its_number(gone, other):
    assert is_alive(this_process())
    assert is_alive(other)
    assert not is_alive(gone)
    assert not is_alive(msgspec.structs.replace(this_process(), started=this_process().started + 1))
    assert not is_alive(msgspec.structs.replace(this_process(), boot="another"))


def test_a_dead_process_that_nobody_reaped_is_dead():
    code = f"import sys; from papin._registry import this_process; {_OWNER}; sys.stdin.read()"
    # A child of this process, and of no other, so that nobody reaps it.
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        owner = msgspec.json.decode(child.stdout.readline(), type=Owner)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(owner)


def test_what_a_job_waits_for_and_until_when(registry, make_job):
    registry.change(lambda write: write.add_job(make_job("j", waits_until=LATER), b"", this_process()))
    assert registry.read.job("j").waits_until == LATER
    registry.change(lambda write: write.set_waiting("j", "", None))
    assert (registry.read.job("j").state, registry.read.job("j").waits_until) == ("running", None)
    registry.change(lambda write: write.set_waiting("j", "until 23:00", LATER))
    waits = registry.read.job("j")
    assert (waits.state, waits.waiting, waits.waits_until) == ("queued", "until 23:00", LATER)


def test_warnings_are_kept_once_each_and_not_without_end(registry, make_job):
    registry.change(lambda write: write.add_job(make_job("j", warnings=("a",)), b"", this_process()))
    assert registry.change(lambda write: (write.add_warning("j", "b"), write.add_warning("j", "a")))[0] == (True, False)
    registry.change(lambda write: write.update_job(make_job("j", state="completed")))
    assert registry.read.job("j").warnings == ("a", "b")
    registry.change(lambda write: [write.add_warning("j", str(number)) for number in range(100)])
    assert len(registry.read.job("j").warnings) == 20


def test_the_progress_of_what_runs_or_waits(registry, make_job):
    registry.change(
        lambda write: [
            write.add_job(make_job(state, state=state, progress=PROGRESS), b"", this_process())
            for state in ("queued", "running", "paused", "completed")
        ]
    )
    assert registry.read.progress_of_open() == {"queued": PROGRESS, "running": PROGRESS}
