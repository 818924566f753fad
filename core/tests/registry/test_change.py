"""One transaction at a time, whole or not at all; and what the file system or others do to it is told."""

import sqlite3
import threading

import pytest

from papin._registry import open_registry
from papin.errors import DiskSpace, RegistryFailed, StorageFailed
from papin.events import ModelChanged


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_whatever_is_raised_everything_is_undone(registry, make_model, error):
    registry.change(lambda write: write.add_model(make_model("m", 1, tags=("old",))))

    def apply(write):
        write.edit_model(make_model("m", 2, tags=("new",)))
        write.add_model(make_model("n", 3))
        raise error

    with pytest.raises(error):
        registry.change(apply)
    assert registry.read.models() == (make_model("m", 1, tags=("old",)),)
    registry.change(lambda write: write.add_model(make_model("n", 3)))


def test_a_change_inside_a_change_is_a_bug_and_not_a_deadlock(registry):
    with pytest.raises(RuntimeError, match="inside"):
        registry.change(lambda _: registry.change(lambda write: write.last_seq()))
    assert registry.change(lambda write: write.last_seq()) == (0, [])


def test_the_commit_is_durable(registry):
    def pragmas(write):
        names = ("synchronous", "journal_mode", "foreign_keys", "fullfsync")
        return [write._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    assert registry.change(pragmas)[0] == [2, "wal", 1, 1]
    assert registry.change(pragmas, durable=False)[0] == [1, "wal", 1, 1]
    assert registry.change(pragmas)[0] == [2, "wal", 1, 1]


def test_threads_take_turns_and_readers_see_whole_changes(registry, make_model):
    problems = []

    def write_some(worker):
        for number in range(25):
            pair = [make_model(f"w{worker}-{number}-{each}", worker * 100 + number) for each in "ab"]
            registry.change(lambda write, pair=pair: [write.add_model(model) for model in pair])

    def read_some():
        while len(models := registry.read.models()) < 200:
            if len(models) % 2:
                problems.append(len(models))

    threads = [threading.Thread(target=write_some, args=(worker,)) for worker in range(4)]
    threads += [threading.Thread(target=read_some) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert len(registry.read.model_ids()) == 200


@pytest.fixture
def impatient(registry):
    registry._connection.execute("PRAGMA busy_timeout = 20")
    return registry


def test_a_lock_of_somebody_else_ends_the_wait_and_loses_nothing(home, impatient):
    other = sqlite3.connect(home.file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(RegistryFailed, match="locked") as caught:
        impatient.change(lambda write: write.journal(ModelChanged(model="m")))
    assert caught.value.next_step
    assert impatient.read.events() == []
    other.execute("ROLLBACK")
    other.close()
    impatient.change(lambda write: write.journal(ModelChanged(model="m")))
    assert [envelope.seq for envelope in impatient.read.events()] == [1]
    assert home.aside() == []


def test_a_full_disk_harms_nothing_and_is_told(registry, make_model):
    registry.change(lambda write: write.add_model(make_model("m", 1)))
    (pages,) = registry._connection.execute("PRAGMA page_count").fetchone()
    registry._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DiskSpace) as caught:
        registry.change(lambda write: [write.add_model(make_model(f"n{number}", number)) for number in range(2, 2000)])
    assert caught.value.next_step
    assert registry.read.models() == (make_model("m", 1),)
    registry._connection.execute("PRAGMA max_page_count = 100000")
    registry.change(lambda write: write.add_model(make_model("n", 2)))
    assert registry.read.model_ids() == ("m", "n")


@pytest.mark.faults
def test_a_disk_that_is_really_full(home, make_model, tmp_path):
    script = """
import resource, signal
from datetime import UTC, datetime
from papin.errors import PapinError
from papin.models import Model
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def fill(write):
    for number in range(20000):
        write.add_model(Model(id=f"m{number}", ref="x" * 100, files=(), installed_at=datetime.now(UTC)))
with open_registry(file, run) as registry:
    registry.change(lambda write: write.journal(ModelChanged(model="before")))
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    try:
        registry.change(fill)
    except PapinError as error:
        print(error.code, bool(error.next_step), registry.read.last_seq(), len(registry.read.models()))
"""
    code, told, *rest = home.do(script).split()
    assert code in {"ERR_DISK_SPACE", "ERR_REGISTRY"}
    assert told == "True"
    assert rest == ["1", "0"]
    assert home.open().read.last_seq() == 1


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed) as caught:
        open_registry(tmp_path / "file" / "registry.db", tmp_path / "run")
    assert caught.value.next_step


@pytest.mark.parametrize("side", ["-guard", "-mark"])
def test_what_lies_beside_it_in_the_way_is_told(home, side):
    home.file.parent.mkdir()
    home.beside(side).mkdir()
    with pytest.raises(RegistryFailed, match=side) as caught:
        home.open()
    assert caught.value.next_step


def test_the_registry_may_be_a_link(home, tmp_path, make_model):
    home.file.parent.mkdir()
    home.file.symlink_to(tmp_path / "elsewhere.db")
    home.open().change(lambda write: write.add_model(make_model("m", 1)))
    assert home.file.is_symlink()
    assert home.open().read.model_ids() == ("m",)
    assert home.library().model_ids() == ("m",)
