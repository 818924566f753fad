"""The bytes on disk and the notes about them: what a kill, a failing disk and a write past the page cache leave."""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import tempfile
import zlib
from pathlib import Path

import pytest

from papin._transfers._data import DataFile
from papin._transfers._ledger import CHUNK, Ledger, Part
from papin._transfers._notes import Entity
from papin._transfers._payload import Payload, Piece, begin
from papin._transfers._pipe import PIECE
from papin.errors import StorageFailed

from .conftest import make_body
from .storage import Area

BODY = make_body(2 * CHUNK + 12_345)


@pytest.fixture
def area(tmp_path):
    return Area("key", tmp_path, tmp_path / "data")


def _piece(filling, content):
    buffer = mmap.mmap(-1, PIECE)
    buffer[: len(content)] = content
    return Piece(filling, buffer, len(content))


def _pieces(ledger, stop, *, size=PIECE):
    """The body up to `stop` in pieces of `size`, chunk by chunk."""
    return [*_cut(ledger, stop, size)]


def _cut(ledger, stop, size):
    for number in range(ledger.count):
        filling = begin(ledger, number)
        for start in range(number * CHUNK, min(stop, number * CHUNK + ledger.size(number)), size):
            yield _piece(filling, BODY[start : min(start + size, (number + 1) * CHUNK, stop)])


@pytest.fixture
def payload(area):
    payload = Payload(area)
    payload.restart(Entity(total=len(BODY), etag='"v1"'))
    yield payload
    payload.close()


def _recovered(area):
    again = Payload(area)
    ledger = again.recover()
    again.close()
    return ledger


@pytest.mark.parametrize("size", [PIECE, 300_000])
@pytest.mark.parametrize("direct", [True, False])
def test_i3_what_is_written_is_noted_at_once(payload, area, size, direct):
    ledger = Ledger(len(BODY))
    stop = CHUNK + 3 * PIECE
    payload.write(_pieces(ledger, stop, size=size), ledger.size, direct=direct)
    found = _recovered(area)
    assert found.done == {0: zlib.crc32(BODY[:CHUNK])}
    assert found.parts == {1: Part(3 * PIECE, zlib.crc32(BODY[CHUNK:stop]))}
    assert area.data.read_bytes() == BODY[:stop]


@pytest.mark.parametrize("direct", [True, False])
def test_all_of_it_in_one_go(payload, area, direct):
    ledger = Ledger(len(BODY))
    payload.write(_pieces(ledger, len(BODY)), ledger.size, direct=direct)
    payload.finish(len(BODY))
    assert area.data.read_bytes() == BODY
    assert _recovered(area).is_complete


def test_small_growth_is_noted_by_whoever_leaves(payload, area):
    ledger = Ledger(len(BODY))
    (piece,) = _pieces(ledger, 1000)
    payload.write([piece], ledger.size)
    assert not _recovered(area).parts
    payload.leave({0: piece.filling.part})
    assert _recovered(area).parts == {0: Part(1000, zlib.crc32(BODY[:1000]))}


@pytest.mark.parametrize("damaged", [None, 0, 1, 2])
def test_what_is_read_again_is_hashed_up_to_the_first_chunk_that_is_damaged(payload, damaged):
    ledger = Ledger(len(BODY))
    pieces = _pieces(ledger, len(BODY))
    payload.write(pieces, ledger.size)
    crcs = {piece.filling.number: piece.filling.part.crc for piece in pieces}
    agreed = len(crcs) if damaged is None else damaged
    chunks = [(number, ledger.size(number), crc ^ (number == damaged)) for number, crc in crcs.items()]
    digest = hashlib.sha256()
    assert payload.hash(chunks, digest) == agreed
    assert payload.hash([(number, size, None) for number, size, _ in chunks[agreed:]], digest) == len(chunks) - agreed
    assert digest.digest() == hashlib.sha256(BODY).digest()
    assert payload.hash([(len(chunks), CHUNK, None)], digest) == 0


def test_d5_what_the_disk_failed_to_keep_counts_as_not_there(payload, area, monkeypatch):
    ledger = Ledger(len(BODY))
    first, second = _pieces(ledger, CHUNK), _pieces(ledger, len(BODY))[CHUNK // PIECE :]
    payload.write(first, ledger.size)
    payload.sync()
    payload.write(second, ledger.size)
    assert _recovered(area).is_complete

    def fail_once(_file):
        monkeypatch.undo()
        raise OSError(errno.EIO, "I/O error")

    monkeypatch.setattr(os, "fdatasync", fail_once)
    with pytest.raises(StorageFailed):
        payload.sync()
    # The system says it once: whatever it says later, nothing may be believed any more.
    payload.leave({})
    with pytest.raises(StorageFailed):
        payload.write(first, ledger.size)
    assert set(_recovered(area).done) == {0}


def test_a_file_in_memory_is_written_like_any_other():
    if not Path("/dev/shm").is_dir():
        pytest.skip("needs a file system in memory")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        path = Path(folder, "data")
        file = DataFile(path)
        view = memoryview(mmap.mmap(-1, PIECE))
        view[:4] = b"GGUF"
        file.write(PIECE, [view, view], direct=True)
        file.close()
        assert path.stat().st_size == 3 * PIECE
        assert path.read_bytes()[PIECE : PIECE + 4] == b"GGUF"


def test_a_file_that_was_replaced_is_not_written_past(tmp_path):
    path = tmp_path / "data"
    file = DataFile(path)
    path.rename(tmp_path / "old")
    path.write_bytes(b"somebody else's")
    with pytest.raises(OSError, match="replaced"):
        file.write(0, [memoryview(mmap.mmap(-1, PIECE))], direct=True)
    file.close()
    assert path.read_bytes() == b"somebody else's"
