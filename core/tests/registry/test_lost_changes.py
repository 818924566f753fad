"""What was acknowledged and is gone is noticed, although what is left is sound; and a killed writer loses nothing."""

import os
import random
import shutil
import sqlite3
from contextlib import closing

import pytest

from papin.events import Lagged, ModelChanged


@pytest.fixture
def killed(home, make_model):
    """A registry whose process was killed: everything is still in its log."""
    home.do(
        """
import os
from datetime import UTC, datetime
from papin.models import Model
registry = open_registry(file, run)
for number in range(20):
    model = Model(id=f"m{number}", ref="", files=(), installed_at=datetime.now(UTC))
    registry.change(lambda write: (write.add_model(model), write.journal(ModelChanged(model=model.id)), write.adopt([])))
sys.stdout.flush()
os._exit(0)
"""
    )
    assert home.beside("-wal").stat().st_size
    return [f"m{number}" for number in range(20)]


def test_nothing_is_lost_when_the_writer_is_killed(home, killed):
    assert sorted(home.library().model_ids()) == sorted(killed)
    registry = home.open()
    assert not registry.needs_rebuild
    assert sorted(registry.read.model_ids()) == sorted(killed)
    assert registry.read.last_seq() == 20


@pytest.mark.parametrize("sides", [("-wal",), ("-wal", "-shm")])
def test_a_lost_log_is_noticed(home, killed, sides):
    for side in sides:
        home.beside(side).unlink()
    registry = home.open()
    assert registry.needs_rebuild
    assert len(registry.read.models()) < len(killed)
    # Numbers go on after those that were given: a follower is told that it missed some, and sees none twice.
    _, (envelope,) = registry.change(lambda write: write.journal(ModelChanged(model="m")))
    assert envelope.seq == 21
    assert [type(each.event) for each in registry.read.events(since=12)] == [Lagged, ModelChanged]


def test_a_log_that_was_cut_is_noticed(home, killed):
    log = home.beside("-wal")
    home.beside("-shm").unlink()
    os.truncate(log, log.stat().st_size // 2)
    registry = home.open()
    assert registry.needs_rebuild
    found = registry.read.model_ids()
    assert set(found) == set(killed[: len(found)])
    assert len(found) < len(killed)


def test_an_older_copy_is_noticed(home, models, make_model, tmp_path):
    shutil.copy(home.file, tmp_path / "copy.db")
    with home.open() as registry:
        registry.change(
            lambda write: (write.add_model(make_model("late", 900)), write.journal(ModelChanged(model="late")))
        )
    shutil.copy(tmp_path / "copy.db", home.file)
    registry = home.open()
    assert registry.needs_rebuild
    assert registry.damaged is None
    assert registry.read.models() == models
    assert registry.change(lambda write: write.adopt([*models, make_model("late", 900)]))[0] == ("late",)
    assert not home.open().needs_rebuild


def test_the_log_of_another_database_is_noticed(home, killed, tmp_path):
    """SQLite believes a log that lies beside a database, whoever wrote it."""
    log = home.beside("-wal").read_bytes()
    for path in home.file.parent.iterdir():
        path.unlink()
    with home.open() as registry:
        registry.change(lambda write: (write.adopt([]), write.journal(ModelChanged(model="ours"))))
    home.beside("-wal").write_bytes(log)
    assert home.open().needs_rebuild


def test_a_log_of_noise_is_ignored(home, models):
    home.beside("-wal").write_bytes(random.Random(3).randbytes(50_000))
    registry = home.open()
    assert registry.read.models() == models


def test_a_log_without_its_database_does_not_get_into_the_fresh_one(home, killed):
    home.file.unlink()
    registry = home.open()
    assert registry.needs_rebuild
    assert registry.damaged is not None
    assert registry.damaged.name.endswith("-wal")
    assert registry.read.models() == ()
    with closing(sqlite3.connect(home.file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
