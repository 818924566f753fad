"""The note beside the database: what it says when, and that a sound database is never taken for a damaged one."""

from contextlib import closing

import pytest

from papin._registry._mark import Mark, Note
from papin.events import ModelChanged


@pytest.fixture
def mark(home):
    home.file.parent.mkdir(exist_ok=True)
    with closing(Mark(home.file)) as found:
        yield found


def _change(registry, **options):
    registry.change(lambda write: write.journal(ModelChanged(model="m")), **options)


def test_it_reads_what_was_written_last(mark):
    assert mark.read() is None
    for note in (
        Note(seq=12, identity="a" * 16, seal="0" * 8),
        Note(seq=3, identity="b" * 16),
        Note(seq=1 << 62, identity="c"),
    ):
        mark.write(note)
        assert mark.read() == note


@pytest.mark.parametrize("place", range(0, 60, 7))
def test_a_note_with_a_flipped_byte_is_none(home, mark, place):
    mark.write(Note(seq=12, identity="a" * 16, seal="0" * 8))
    path = home.beside("-mark")
    whole = bytearray(path.read_bytes())
    whole[place] ^= 1
    path.write_bytes(whole)
    assert mark.read() is None


def test_closing_seals_and_the_next_change_breaks_the_seal(home, mark):
    with home.open() as registry:
        _change(registry)
        assert not mark.read().seal
    assert mark.read().seal
    with home.open() as registry:
        assert mark.read().seal
        registry.change(lambda write: write.model_ids())
        assert not mark.read().seal
        assert mark.read().seq == 1
    assert mark.read().seal


def test_looking_keeps_the_seal(home, mark):
    home.open().close()
    sealed = mark.read()
    with home.open() as registry, home.library() as library:
        assert registry.read.models() == library.models()
    assert mark.read() == sealed


def test_whoever_closes_first_does_not_vouch_for_what_others_do_later(home):
    first, second = home.open(), home.open()
    _change(first)
    _change(second)
    first.close()
    _change(second, durable=False)
    registry = home.open()
    assert registry.damaged is None
    second.close()
    assert home.open().damaged is None
    assert registry.read.last_seq() == 3


def test_a_seal_holds_while_a_reader_keeps_the_log_alive(home, mark):
    library = home.library()
    with home.open() as registry:
        _change(registry)
        library.models()
    assert home.beside("-wal").stat().st_size
    assert mark.read().seal
    with home.open() as registry:
        assert registry.damaged is None
        assert mark.read().seal
    library.close()
    assert home.open().damaged is None


def test_while_somebody_is_at_it_nobody_seals(home, mark):
    script = """
def apply(write):
    write.journal(ModelChanged(model="m"))
    print("inside", flush=True)
    sys.stdin.readline()
with open_registry(file, run) as registry:
    registry.change(apply)
"""
    registry = home.open()
    _change(registry)
    child = home.start(script)
    assert child.stdout.readline() == "inside\n"
    registry.close()
    assert not mark.read().seal
    child.communicate("go\n")
    assert mark.read().seal
    assert home.open().read.last_seq() == 2


def test_who_dies_leaves_no_seal_and_loses_nothing(home, mark):
    home.open().close()
    home.do(
        """
import os
registry = open_registry(file, run)
registry.change(lambda write: write.journal(ModelChanged(model="m")), durable=False)
os._exit(0)
"""
    )
    assert not mark.read().seal
    registry = home.open()
    assert registry.damaged is None
    assert registry.read.last_seq() == 1


def test_where_sqlite_cannot_tell_its_pages_there_is_no_seal(home, mark, monkeypatch):
    monkeypatch.setattr("papin._registry._registry.seal_of", lambda _: "")
    with home.open() as registry:
        _change(registry)
    assert mark.read() == mark.read()._replace(seal="")
    monkeypatch.undo()
    with home.open() as registry:
        assert registry.damaged is None
    assert mark.read().seal
    monkeypatch.setattr("papin._registry._health.seal_of", lambda _: "")
    assert home.open().damaged is None


def test_a_note_of_another_registry_asks_for_a_rebuild_and_keeps_the_file(home, mark):
    with home.open() as registry:
        registry.change(lambda write: write.adopt([]))
    mark.write(Note(seq=0, identity="f" * 16))
    registry = home.open()
    assert (registry.needs_rebuild, registry.damaged) == (True, None)


def test_its_file_is_for_its_user_alone(home):
    home.open().close()
    for side in ("-mark", "-guard"):
        assert home.beside(side).stat().st_mode & 0o077 == 0
