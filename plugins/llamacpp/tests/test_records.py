"""The files of engines: locks that die with their holders, records that are swept, marks of use."""

import fcntl
import os

import pytest

from papin_llamacpp._records import Engines, write_privately


@pytest.fixture
def engines(tmp_path):
    return Engines(tmp_path)


def test_an_engine_lives_as_long_as_its_lock_is_held(engines):
    engine, lock = engines.reserve(5)
    assert engines.is_alive(engine)
    assert engines.is_alive(engine), "looking does not take it"
    os.close(lock)
    assert not engines.is_alive(engine)


def test_dead_engines_are_swept_and_loading_ones_are_not_listed(engines, tmp_path):
    dead, lock = engines.reserve(5)
    engines.path(dead, ".json").write_text("{}")
    os.close(lock)
    loading, held = engines.reserve(5)
    assert engines.alive() == []
    assert sorted(path.stem for path in tmp_path.iterdir()) == [loading, loading]
    os.close(held)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b'{"engine": 1}'])
def test_a_record_that_cannot_be_read_is_none(engines, data):
    engine, lock = engines.reserve(5)
    engines.path(engine, ".json").write_bytes(data)
    assert engines.record(engine) is None
    assert engines.alive() == []
    engines.path(engine, ".use").write_bytes(data)
    assert engines.used(engine) is None
    os.close(lock)


def test_marks_of_use(engines):
    engine, lock = engines.reserve(5)
    os.utime(engines.path(engine, ".use"), ns=(1, 1))
    assert engines.used(engine) == (1, 5)
    engines.touch(engine)
    assert engines.used(engine)[0] > 1
    engines.touch(engine, 7)
    assert engines.used(engine)[1] == 7
    engines.forget(engine)
    engines.touch(engine, 8)
    assert engines.used(engine) is None
    os.close(lock)


def test_a_lock_that_somebody_sweeps_too_early_is_made_again(engines, monkeypatch):
    real = fcntl.flock
    swept = []

    def sweep_first(fd, how):
        if not swept:
            swept.append(next(engines.run.glob("*.lock")).stem)
            engines.forget(swept[0])
        real(fd, how)

    monkeypatch.setattr(fcntl, "flock", sweep_first)
    engine, lock = engines.reserve(5)
    assert engine not in swept
    assert engines.path(engine, ".lock").exists()
    os.close(lock)


def test_writing_is_in_one_step_and_leaves_nothing_behind(tmp_path):
    path = tmp_path / "x"
    write_privately(path, b"one")
    write_privately(path, b"two")
    assert path.read_bytes() == b"two"
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_privately(tmp_path / "folder", b"no")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["folder", "x"]
