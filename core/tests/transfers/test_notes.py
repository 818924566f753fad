"""The notes from which a payload is resumed: what is read again, after whatever became of their file."""

from __future__ import annotations

import errno
import os

import pytest

from papin._transfers import _notes
from papin._transfers._ledger import CHUNK, Part
from papin._transfers._notes import Entity, Notes, forget_notes

TOTAL = 10 * CHUNK + 5
SERVED = Entity(total=TOTAL, etag='"x"')
DONE = {0: 11, 3: 33, 1: 12}
BEGUN = {4: Part(10, 45)}
HEAD, RECORD = 4096, 16


def whole(crc):
    return Part(CHUNK, crc)


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def write(folder, entity=SERVED):
    notes = Notes(folder)
    notes.restart(entity)
    notes.make_room(TOTAL)
    notes.add({0: whole(11), 3: whole(33), 4: Part(9, 44)})
    notes.add({1: whole(12), 4: Part(10, 45)})
    return notes


def read(folder, size=TOTAL):
    notes = Notes(folder)
    entity, ledger = notes.read(size)
    notes.close()
    return entity, ledger


def test_notes_are_read_as_they_were_written(folder):
    write(folder).close()
    entity, ledger = read(folder)
    assert entity == SERVED
    assert (ledger.done, ledger.parts) == (DONE, BEGUN)


def test_an_entity_of_which_nothing_is_known(folder):
    write(folder, Entity()).close()
    entity, ledger = read(folder)
    assert (entity, ledger.total) == (Entity(), None)
    assert (ledger.done, ledger.parts) == (DONE, BEGUN)


def test_what_is_behind_the_end_of_the_file_was_lost(folder):
    write(folder).close()
    assert read(folder, 4 * CHUNK)[1].parts == {}
    assert read(folder, 4 * CHUNK - 1)[1].done == {0: 11, 1: 12}


def test_nothing_is_noted(folder):
    entity, ledger = read(folder)
    assert (entity, ledger.done, ledger.total) == (None, {}, None)


def test_notes_that_a_crash_cut_off_are_not_there_and_harm_nothing(folder):
    write(folder).close()
    path = folder / "notes"
    content = path.read_bytes()
    for length in [0, 1, HEAD - 1, *range(HEAD, len(content))]:
        path.write_bytes(content[:length])
        notes = Notes(folder)
        entity, before = notes.read(TOTAL)
        assert (entity is None) is (length < HEAD)
        assert set(before.done.items()) <= set(DONE.items())
        notes.add({7: whole(77)})
        again = notes.read(TOTAL)[1]
        notes.close()
        assert again.done == (before.done | {7: 77} if entity else {})


@pytest.mark.parametrize("torn", range(1, RECORD))
def test_a_record_that_was_written_in_part_is_not_there(folder, torn):
    write(folder).close()
    path = folder / "notes"
    before = path.read_bytes()
    notes = Notes(folder)
    notes.read(TOTAL)
    notes.add({4: whole(99)})
    notes.close()
    at = HEAD + 4 * RECORD + torn
    path.write_bytes(path.read_bytes()[:at] + before[at:])
    ledger = read(folder)[1]
    assert (ledger.done, ledger.parts) == (DONE, {})


def test_a_byte_that_the_disk_changed_costs_a_record_at_most(folder):
    write(folder).close()
    path = folder / "notes"
    content = bytearray(path.read_bytes())
    for at in range(HEAD, len(content)):
        content[at] ^= 1
        path.write_bytes(content)
        ledger = read(folder)[1]
        assert set(ledger.done.items()) <= set(DONE.items())
        assert len(ledger.done) + len(ledger.parts) >= len(DONE) + len(BEGUN) - 1
        content[at] ^= 1


def test_a_record_means_nothing_in_another_place(folder):
    write(folder).close()
    path = folder / "notes"
    content = path.read_bytes()
    record = content[HEAD : HEAD + RECORD]
    path.write_bytes(content[:HEAD] + record * 11)
    assert read(folder)[1].done == {0: 11}


@pytest.mark.parametrize(
    ("number", "part"), [(99, whole(5)), (2, Part(0, 5)), (2, Part(CHUNK + 1, 5)), (10, Part(6, 5))]
)
def test_a_record_that_makes_no_sense_is_passed_over(folder, number, part):
    notes = write(folder)
    notes.add({number: part})
    notes.close()
    ledger = read(folder, 200 * CHUNK)[1]
    assert (ledger.done, ledger.parts) == (DONE, BEGUN)


def test_nothing_of_what_was_before_is_left_when_all_begins_anew(folder):
    notes = write(folder)
    notes.restart(SERVED)
    notes.add({5: whole(55)})
    notes.close()
    ledger = read(folder)[1]
    assert (ledger.done, ledger.parts) == ({5: 55}, {})


def test_what_the_disk_failed_to_keep_is_not_there(folder):
    notes = write(folder)
    notes.forget({3, 4})
    notes.add({5: whole(55)})
    notes.close()
    ledger = read(folder)[1]
    assert (ledger.done, ledger.parts) == ({0: 11, 1: 12, 5: 55}, {})


def test_a_beginning_that_is_all_of_a_chunk_is_the_chunk(folder):
    notes = write(folder)
    notes.add({10: Part(5, 55)})
    notes.close()
    assert read(folder)[1].done[10] == 55


def test_d3_nothing_grows_once_there_is_room(folder):
    notes = write(folder)
    size = (folder / "notes").stat().st_size
    notes.add({number: whole(number) for number in range(10)} | {10: Part(5, 55)})
    notes.forget(range(11))
    notes.restart(SERVED)
    notes.make_room(TOTAL)
    notes.close()
    assert (folder / "notes").stat().st_size == size


def test_d3_a_write_that_was_cut_short_is_made_whole(folder, monkeypatch):
    notes = write(folder)
    calls = []

    def short(file, views, offset):
        calls.append(offset)
        if len(calls) % 2:
            return os.pwrite(file, bytes(views[0])[:3], offset)
        return os.pwrite(file, b"".join(views), offset)

    monkeypatch.setattr(_notes.os, "pwritev", short)
    notes.add({7: whole(77)})
    monkeypatch.undo()
    notes.close()
    assert len(calls) == 2
    assert read(folder)[1].done == DONE | {7: 77}


def test_d3_a_write_that_fails_is_told(folder, monkeypatch):
    notes = write(folder)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_notes.os, "pwritev", full)
    with pytest.raises(OSError, match="No space"):
        notes.add({7: whole(77)})
    monkeypatch.undo()
    notes.close()
    assert read(folder)[1].done == DONE


@pytest.mark.parametrize("other", [b'{"type":"entity","total":5}\n["d",0,1]\n', b"\0" * 8192, b"nonsense" * 1024])
def test_notes_in_another_format_are_as_good_as_none(folder, other):
    (folder / "notes").write_bytes(other)
    entity, ledger = read(folder)
    assert (entity, ledger.done) == (None, {})


def test_notes_of_chunks_of_another_size_are_not_used(folder, monkeypatch):
    monkeypatch.setattr(_notes, "CHUNK", 1)
    write(folder).close()
    monkeypatch.undo()
    entity, ledger = read(folder)
    assert entity is None
    assert not ledger.done


def test_notes_are_forgotten(folder):
    write(folder).close()
    forget_notes(folder)
    forget_notes(folder)
    assert read(folder)[0] is None
