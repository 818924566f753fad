"""Whoever follows is woken by every process, misses nothing, and costs the writers nothing."""

import os
import resource
import signal
from contextlib import suppress

import pytest

from papin._registry import Follower, this_process
from papin._registry._wakeup import wake
from papin.errors import StorageFailed
from papin.events import Lagged, ModelChanged
from papin.models import Progress

_FOLLOW = """
with Library(file, run) as library:
    events = library.follow(None if sys.argv[2] == "now" else int(sys.argv[2]))
    print("ready", flush=True)
    for envelope in events:
        print(envelope.seq, envelope.event.model, flush=True)
"""


@pytest.fixture
def follower(home):
    found = Follower(home.run)
    yield found
    found.close()


def _fifos(home):
    return sorted(path.name for path in (home.run / "followers").iterdir())


def _tell(registry, *names):
    for name in names:
        registry.change(lambda write, name=name: write.journal(ModelChanged(model=name)))


def test_a_change_wakes_and_draining_forgets(registry, follower):
    assert not follower.wait(0)
    _tell(registry, "a", "b")
    assert follower.wait(0)
    assert follower.wait(0)
    follower.drain()
    assert not follower.wait(0)
    _tell(registry, "c")
    assert follower.wait()


def test_progress_and_requests_wake_too(registry, follower, make_job):
    registry.change(lambda write: write.add_job(make_job("j"), b"", this_process()))
    for change in (
        lambda write: write.set_progress("j", Progress(phase="downloading")),
        lambda write: write.request_cancel("j"),
    ):
        follower.drain()
        registry.change(change, durable=False)
        assert follower.wait(0)


def test_what_was_undone_wakes_nobody(registry, follower):
    def apply(write):
        write.journal(ModelChanged(model="m"))
        raise ValueError

    with pytest.raises(ValueError):
        registry.change(apply)
    assert not follower.wait(0)


def test_it_is_readable_only_when_there_is_something(registry, follower):
    """A FIFO whose last writer closed it looks ended, and readable for ever, unless somebody sees to it."""
    for _ in range(3):
        _tell(registry, "m")
        follower.drain()
        assert not follower.wait(0)


def test_a_full_fifo_stops_nobody(registry, follower):
    writer = os.open(follower._path, os.O_WRONLY | os.O_NONBLOCK)
    with suppress(BlockingIOError):
        while os.write(writer, b"x" * 4096):
            continue
    os.close(writer)
    _tell(registry, "m")
    assert follower.wait(0)
    follower.drain()
    assert not follower.wait(0)


def test_who_stops_following_leaves_nothing(home, registry):
    follower = Follower(home.run)
    assert len(_fifos(home)) == 1
    follower.close()
    follower.close()
    assert _fifos(home) == []
    assert follower.fileno() == -1
    _tell(registry, "m")


def test_who_was_killed_is_swept_by_the_next_change(home, registry, follower):
    child = home.start(_FOLLOW, "now")
    assert child.stdout.readline() == "ready\n"
    assert len(_fifos(home)) == 2
    child.kill()
    child.wait()
    _tell(registry, "m")
    assert _fifos(home) == [follower._path.name]


def test_d4_a_process_that_may_open_no_more_files_wakes_itself(home, follower):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            os.scandir(home.run)
        wake(home.run)
        with pytest.raises(StorageFailed):
            Follower(home.run)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert follower.wait(0)
    follower.drain()
    other = Follower(home.run)
    wake(home.run)
    assert follower.wait(0)
    assert other.wait(0)
    other.close()
    assert _fifos(home) == [follower._path.name]


def test_what_is_no_fifo_is_not_written_to(home, registry, follower):
    stranger = home.run / "followers" / "notes.txt"
    stranger.write_text("mine")
    (home.run / "followers" / "folder").mkdir()
    (home.run / "followers" / "link").symlink_to(stranger)
    _tell(registry, "m")
    assert stranger.read_text() == "mine"
    assert follower.wait(0)


def test_a_follower_that_is_only_half_made_is_not_swept(home, registry, follower):
    os.mkfifo(home.run / "followers" / ".half")
    _tell(registry, "m")
    assert ".half" in _fifos(home)


def test_nobody_need_ever_have_followed(home, registry):
    assert not home.run.exists()
    _tell(registry, "m")


def test_a_folder_in_the_way_is_told(home):
    home.run.write_text("")
    with pytest.raises(StorageFailed) as caught:
        Follower(home.run)
    assert caught.value.next_step


def test_another_process_sees_every_change_in_order(home, registry):
    _tell(registry, "old")
    child = home.start(_FOLLOW, "0")
    assert child.stdout.readline() == "ready\n"
    assert child.stdout.readline() == "1 old\n"
    for number in range(2, 40):
        _tell(registry, f"m{number}")
        assert child.stdout.readline() == f"{number} m{number}\n"


def test_changes_of_another_process_are_followed(home, registry):
    events = home.library().follow(0)
    child = home.start(
        """
with open_registry(file, run) as registry:
    for line in sys.stdin:
        registry.change(lambda write: write.journal(ModelChanged(model=line.strip())))
"""
    )
    for number in range(1, 20):
        child.stdin.write(f"m{number}\n")
        child.stdin.flush()
        envelope = next(events)
        assert (envelope.seq, envelope.event.model) == (number, f"m{number}")
    events.close()


def test_more_than_a_page_is_followed_whole(home, registry):
    registry.change(lambda write: [write.journal(ModelChanged(model="m")) for _ in range(2500)])
    events = home.library().follow(0)
    assert [next(events).seq for _ in range(2500)] == list(range(1, 2501))
    events.close()


def test_a_follower_who_slept_too_long_is_told_once(home):
    registry = home.open(keep=3)
    events = home.library().follow(0)
    _tell(registry, "first")
    assert next(events).seq == 1
    _tell(registry, *"abcdefgh")
    found = [next(events) for _ in range(4)]
    assert found[0].event == Lagged(missed=5)
    assert [each.seq for each in found] == [6, 7, 8, 9]
    events.close()


def test_from_now_on_leaves_out_what_was_and_begins_at_once(home, registry):
    _tell(registry, "old")
    child = home.start(_FOLLOW, "now")
    assert child.stdout.readline() == "ready\n"
    _tell(registry, "new")
    assert child.stdout.readline() == "2 new\n"


def test_ctrl_c_ends_a_follower_and_leaves_nothing(home, registry):
    child = home.start(
        _FOLLOW.replace("    for envelope", "    next(events)\n    print('got', flush=True)\n    for envelope"), "0"
    )
    assert child.stdout.readline() == "ready\n"
    _tell(registry, "m")
    assert child.stdout.readline() == "got\n"
    child.send_signal(signal.SIGINT)
    child.wait()
    assert _fifos(home) == []


def test_without_fifos_it_looks_now_and_then(home, registry, monkeypatch):
    monkeypatch.delattr(os, "mkfifo")
    monkeypatch.setattr("papin._registry._wakeup._WITHOUT_FIFO", 0.001)
    follower = Follower(home.run)
    assert follower.fileno() == -1
    assert follower.wait()
    assert follower.wait(0)
    follower.drain()
    follower.close()
    _tell(registry, "m")
    events = home.library().follow(0)
    assert next(events).seq == 1
    events.close()
