"""Several processes at once: nothing is lost, numbers rise, and a kill at any moment leaves the old or the new state."""

import os
import signal
from itertools import chain

import pytest

from papin.errors import RegistryFailed
from papin.events import ModelChanged

WRITERS = 4
CHANGES = 200

_WRITE = """
with open_registry(file, run) as registry:
    print("ready", flush=True)
    sys.stdin.readline()
    seqs = []
    for number in range(int(sys.argv[3])):
        _, envelopes = registry.change(lambda write: write.journal(ModelChanged(model=f"{sys.argv[2]}-{number}")))
        seqs.append(envelopes[0].seq)
    print(*seqs)
"""


def _go(child):
    child.stdin.write("go\n")
    child.stdin.flush()


def test_four_writers_lose_nothing(home):
    children = [home.start(_WRITE, f"w{number}", str(CHANGES)) for number in range(WRITERS)]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        _go(child)
    given = [[int(word) for word in child.stdout.readline().split()] for child in children]
    assert [child.wait() for child in children] == [0] * WRITERS
    assert all(seqs == sorted(set(seqs)) and len(seqs) == CHANGES for seqs in given)
    assert sorted(chain.from_iterable(given)) == list(range(1, WRITERS * CHANGES + 1))
    registry = home.open()
    assert not home.aside()
    found = registry.read.events(limit=10_000)
    assert [envelope.seq for envelope in found] == list(range(1, WRITERS * CHANGES + 1))
    for number in range(WRITERS):
        mine = [each.event.model for each in found if each.event.model.startswith(f"w{number}-")]
        assert mine == [f"w{number}-{change}" for change in range(CHANGES)]


def test_several_make_the_same_registry_at_once(home):
    script = """
print("ready", flush=True)
sys.stdin.readline()
with open_registry(file, run) as registry:
    registry.change(lambda write: write.journal(ModelChanged(model=sys.argv[2])))
    print(registry.damaged)
"""
    children = [home.start(script, str(number)) for number in range(WRITERS)]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        _go(child)
    assert [child.stdout.readline() for child in children] == ["None\n"] * WRITERS
    assert len(home.open().read.events()) == WRITERS
    assert not home.aside()


def test_a_writer_that_is_killed_at_work_leaves_whole_changes(home, make_model):
    """Each change adds two models and tells of both; whatever moment the kill hits, both are there or neither."""
    script = """
from datetime import UTC, datetime
from papin.models import Model
def apply(write):
    number = write.last_seq()
    for each in "ab":
        write.add_model(Model(id=f"m{number}{each}", ref="", files=(), installed_at=datetime.now(UTC)))
        write.journal(ModelChanged(model=f"m{number}{each}"))
registry = open_registry(file, run)
while True:
    registry.change(apply)
    print(registry.read.last_seq(), flush=True)
"""
    acknowledged = 0
    for _ in range(8):
        child = home.start(script)
        for _ in range(5):
            acknowledged = int(child.stdout.readline())
        child.kill()
        for line in child.stdout:
            acknowledged = int(line) if line.endswith("\n") else acknowledged
        child.wait()
        with home.open() as registry:
            assert registry.read.last_seq() >= acknowledged
            models, events = registry.read.model_ids(), registry.read.events(limit=100_000)
            assert sorted(each.event.model for each in events if isinstance(each.event, ModelChanged)) == sorted(models)
            assert len(models) % 2 == 0
            assert registry.damaged is None


def test_a_stopped_writer_holds_nobody_up_for_ever(home, monkeypatch):
    """A process that is stopped inside its transaction: the others end their wait with an error, and go on later."""
    monkeypatch.setattr("papin._registry._connections.BUSY_SECONDS", 0.05)
    script = """
def apply(write):
    write.journal(ModelChanged(model="slow"))
    print("inside", flush=True)
    sys.stdin.readline()
with open_registry(file, run) as registry:
    registry.change(apply)
    print("done", flush=True)
"""
    registry = home.open()
    child = home.start(script)
    assert child.stdout.readline() == "inside\n"
    child.send_signal(signal.SIGSTOP)
    with pytest.raises(RegistryFailed, match="locked"):
        registry.change(lambda write: write.journal(ModelChanged(model="fast")))
    assert registry.read.events() == []
    child.send_signal(signal.SIGCONT)
    _go(child)
    assert child.stdout.readline() == "done\n"
    registry.change(lambda write: write.journal(ModelChanged(model="fast")))
    assert [each.event.model for each in registry.read.events()] == ["slow", "fast"]


def test_who_would_replace_the_file_waits_for_a_change_but_not_for_ever(home, monkeypatch):
    """While a change is in its transaction nobody can put the file aside under it."""
    monkeypatch.setattr("papin._registry._guard._SECONDS", 0.05)
    script = """
def apply(write):
    print("inside", flush=True)
    sys.stdin.readline()
with open_registry(file, run) as registry:
    registry.change(apply)
"""
    child = home.start(script)
    assert child.stdout.readline() == "inside\n"
    os.truncate(home.file, 0)
    with pytest.raises(RegistryFailed, match="held by another papin"):
        home.open()
    assert not home.aside()
    child.kill()
    child.wait()
    assert home.open().damaged
