"""An old registry is brought forward whole or not at all, after a backup; a newer one is left alone."""

import signal
import sqlite3
from contextlib import closing

import pytest

from papin._registry._schema import MIGRATIONS
from papin.errors import RegistryFailed
from papin.events import ModelChanged, ModelInstalled

SECOND = (
    "ALTER TABLE models ADD COLUMN note TEXT NOT NULL DEFAULT ''",
    # A table is changed by making a new one: rows that refer to it must not go with the old one.
    "CREATE TABLE new_models (key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, ref TEXT NOT NULL, note TEXT NOT NULL)",
    "INSERT INTO new_models SELECT key, id, ref, 'was ' || id FROM models",
    "DROP TABLE models",
    "ALTER TABLE new_models RENAME TO models",
)
THIRD = ("CREATE TABLE catalog (ref TEXT PRIMARY KEY) WITHOUT ROWID",)
LATER = (*MIGRATIONS, SECOND, THIRD)
NOW = len(MIGRATIONS)


@pytest.fixture
def models(home, make_model):
    with home.open() as registry:
        found = [make_model(f"m{number}", number, number + 1, tags=("t",)) for number in range(20)]
        registry.change(lambda write: (write.adopt(found), write.journal(ModelInstalled(model="m0"))))
        return registry.read.models()


def _version(file):
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


def _tables(file):
    with closing(sqlite3.connect(file)) as connection:
        return {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def test_an_old_registry_is_brought_forward_with_all_that_is_in_it(home, models):
    registry = home.open(migrations=LATER)
    assert registry.read.models() == models
    assert not registry.needs_rebuild
    assert [each.seq for each in registry.read.events()] == [1]
    notes, _ = registry.change(lambda write: [row[0] for row in write._connection.execute("SELECT note FROM models")])
    assert notes[0] == "was m0"
    registry.change(lambda write: write.remove_model("m0"))
    assert _version(home.file) == len(LATER)


def test_before_it_there_is_a_backup_that_opens(home, models):
    with home.open(migrations=LATER) as registry:
        registry.change(lambda write: write.remove_model("m0"))
    (backup,) = home.aside(f"version-{NOW}")
    assert _version(backup) == NOW
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("SELECT count(*) FROM models").fetchone() == (20,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with home.open(migrations=LATER):
        assert home.aside(f"version-{NOW}") == [backup]


@pytest.mark.parametrize("broken", ["CREATE TABLE nonsense", "DELETE FROM files", "INSERT INTO meta VALUES (NULL, 1)"])
def test_a_migration_that_fails_leaves_the_old_one(home, models, broken):
    bad = (*MIGRATIONS, SECOND, (*THIRD, broken))
    with pytest.raises((RegistryFailed, sqlite3.Error)):
        home.open(migrations=bad)
    assert _version(home.file) == NOW
    assert "catalog" not in _tables(home.file)
    registry = home.open()
    assert registry.read.models() == models
    assert registry.damaged is None
    registry.change(lambda write: write.journal(ModelChanged(model="m")))


@pytest.mark.parametrize("after", range(len(SECOND) + 1))
def test_a_kill_in_the_middle_leaves_the_old_one(home, models, after):
    script = """
import os, signal
from papin._registry._schema import MIGRATIONS
class Killing(tuple):
    def __iter__(self):
        yield from self[: int(sys.argv[2])]
        os.kill(os.getpid(), signal.SIGKILL)
open_registry(file, run, migrations=(*MIGRATIONS, Killing(sys.argv[3:])))
"""
    child = home.start(script, str(after), *SECOND)
    assert child.wait() == -signal.SIGKILL
    assert _version(home.file) == NOW
    with home.open() as registry:
        assert registry.read.models() == models
        assert registry.damaged is None
    with home.open(migrations=LATER) as registry:
        assert registry.read.models() == models


def test_what_was_lost_is_told_although_it_is_old(home, models, make_model):
    """A copy of an old schema from before the last changes: both are put right."""
    whole = home.file.read_bytes()
    with home.open() as registry:
        registry.change(
            lambda write: (write.add_model(make_model("late", 90)), write.journal(ModelChanged(model="late")))
        )
    home.file.write_bytes(whole)
    registry = home.open(migrations=LATER)
    assert registry.needs_rebuild
    assert registry.read.models() == models
    assert registry.read.last_seq() == 2


def test_a_newer_registry_is_refused_and_left_alone(home, models):
    with home.open(migrations=LATER):
        pass
    before = home.file.read_bytes()
    for use in (home.open, home.library().models, home.library().last_seq):
        with pytest.raises(RegistryFailed, match="newer") as caught:
            use()
        assert "pip install --upgrade papin" in caught.value.next_step
    assert home.file.read_bytes() == before
    assert home.aside() == []
    assert home.open(migrations=LATER).read.models() == models


def test_who_has_it_open_while_it_becomes_newer_stops(home, models):
    running = home.open()
    library = home.library()
    assert library.models() == running.read.models() == models
    home.open(migrations=LATER)
    with pytest.raises(RegistryFailed, match="newer"):
        running.change(lambda write: write.journal(ModelChanged(model="m")))
    with pytest.raises(RegistryFailed, match="newer"):
        running.read.models()
    with pytest.raises(RegistryFailed, match="newer"):
        library.models()


def test_who_only_reads_does_not_migrate_but_says_who_does(home, models):
    with closing(sqlite3.connect(home.file)) as connection:
        connection.execute("PRAGMA user_version = 0")
    with pytest.raises(RegistryFailed, match="old schema") as caught:
        home.library().models()
    assert "papin models list" in caught.value.next_step


def test_two_processes_migrate_once(home, models):
    script = """
from papin._registry._schema import MIGRATIONS
print("ready", flush=True)
sys.stdin.readline()
with open_registry(file, run, migrations=(*MIGRATIONS, tuple(sys.argv[2:]))) as registry:
    print(len(registry.read.model_ids()))
"""
    children = [home.start(script, *SECOND) for _ in range(3)]
    assert [child.stdout.readline() for child in children] == ["ready\n"] * 3
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    assert [child.stdout.readline() for child in children] == ["20\n"] * 3
    assert len(home.aside(f"version-{NOW}")) == 1


def test_no_space_for_the_backup_leaves_the_old_one(home, models):
    script = """
import resource, signal
from papin._registry._schema import MIGRATIONS
from papin.errors import PapinError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))
try:
    open_registry(file, run, migrations=(*MIGRATIONS, tuple(sys.argv[2:])))
except PapinError as error:
    print(error.code)
"""
    assert home.do(script, *SECOND) in {"ERR_REGISTRY\n", "ERR_DISK_SPACE\n"}
    assert home.aside(f"version-{NOW}") == []
    assert home.file.stat().st_size > 40_000
    assert home.open().read.models() == models
