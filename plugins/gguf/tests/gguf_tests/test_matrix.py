"""The verdict on every hostile file of the fault list, within bounded steps and memory."""

from __future__ import annotations

import struct
import tracemalloc

import pytest

from papin.errors import FormatInvalid
from papin.formats import Span
from papin.models import Header
from papin.testing.formats import drive
from papin_gguf._header import read

from .cases import CASES, U64_MAX, u32, u64
from .writer import ARRAY, STRING, Gguf, Pair, tiny

NAMES = [name for name, _, _ in CASES]
MEMORY = 64 << 20


def verdict(data: bytes) -> Header:
    return drive(read(len(data)), data, most=20)


@pytest.mark.parametrize(("data", "reason"), [case[1:] for case in CASES], ids=NAMES)
def test_verdict(data: bytes, reason: str | None) -> None:
    if reason is None:
        assert verdict(data).format == "gguf"
        return
    with pytest.raises(FormatInvalid) as caught:
        verdict(data)
    assert reason in caught.value.message
    assert caught.value.next_step
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 600


def test_names_are_distinct() -> None:
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("order", "<>")
def test_every_cut_is_told_as_a_truncation(order: str) -> None:
    whole = tiny(order=order)
    for cut in range(4, len(whole) - 16):  # the last tensor has 16 bytes of padding at most
        with pytest.raises(FormatInvalid, match="truncated"):
            verdict(whole[:cut])


class Endless:
    """A file of which every byte is made when it is asked for: what a reader costs on petabytes."""

    def __init__(self, head: bytes, size: int, rest: bytes) -> None:
        self.head, self.size, self.rest = head, size, rest
        self.asked = 0

    def piece(self, span: Span) -> bytes:
        assert 0 < span.length <= self.size - span.offset
        self.asked += span.length
        start = span.offset % len(self.rest)
        whole = (self.rest * (span.length // len(self.rest) + 2))[start : start + span.length]
        return self.head[span.offset : span.offset + span.length] + whole[max(0, len(self.head) - span.offset) :]

    def verdict(self) -> str:
        reading = read(self.size)
        try:
            span = next(reading)
            while True:
                span = reading.send(self.piece(span))
        except FormatInvalid as error:
            return error.message
        except StopIteration:
            return "it loads"


def start(tensors: int, pairs: int) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, pairs)


def array(kind: int, count: int, key: bytes = b"k") -> bytes:
    return u64(len(key)) + key + u32(ARRAY) + u32(kind) + u64(count)


BOMBS = {
    "a petabyte of pairs": Endless(start(0, 1 << 45), 1 << 50, b"\0"),
    "a petabyte of tensors": Endless(start(1 << 45, 0), 1 << 50, b"\0"),
    "strings without end": Endless(start(0, 1) + array(STRING, 1 << 40), 1 << 50, u64(1) + b"x"),
    "as many strings as are read, long ones": Endless(
        start(0, 1) + array(STRING, 1 << 23), 1 << 60, u64((1 << 20) - 8) + b"x" * ((1 << 20) - 8)
    ),
    "as many pairs as are read, with long keys": Endless(
        start(0, 1 << 18), 1 << 50, u64(60_000) + b"k" * 60_000 + u32(0) + b"\1"
    ),
    "a string of a petabyte": Endless(start(0, 2) + u64(1) + b"k" + u32(STRING) + u64(1 << 49), 1 << 50, b"\xff"),
    "a skipped array of a petabyte": Endless(start(0, 2) + array(10, 1 << 46), 1 << 50, b"\xff"),
    "keys that are all the same": Endless(start(0, 1 << 18), 1 << 30, u64(1) + b"k" + u32(0) + b"\1"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_cost_is_bounded_whatever_is_declared(name: str) -> None:
    bomb = BOMBS[name]
    tracemalloc.start()
    try:
        assert bomb.verdict() != "it loads"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEMORY, f"{peak} bytes of memory"
    assert bomb.asked <= 256 << 20


def test_many_keys_cost_little() -> None:
    count = 50_000
    data = start(0, count) + b"".join(u64(6) + b"%06d" % each + u32(4) + u32(each) for each in range(count))
    tracemalloc.start()
    try:
        header = verdict(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEMORY
    assert len(header.metadata) == 512
    assert "49488 of its key/value pairs are not shown" in header.warnings[-1]


def test_a_vocabulary_is_skipped_and_not_held() -> None:
    tokens = [f"token {each}" for each in range(262_144)]
    pairs = (Pair("tokenizer.ggml.tokens", ARRAY, (STRING, tokens)), Pair("after", value=7))
    data = Gguf(pairs=pairs).build()
    tracemalloc.start()
    try:
        header = verdict(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert header.vocabulary == len(tokens)
    assert header.metadata["after"] == 7
    assert peak < 2 * len(data) + (8 << 20)
    assert peak < MEMORY


def read_by_16_kib(data: bytes) -> tuple[Header, int]:
    """Return a header that comes as from a server, and in how many pieces it came."""
    reading, pieces = read(len(data)), 0
    try:
        span = next(reading)
        while True:
            pieces += 1
            span = reading.send(data[span.offset : span.offset + min(span.length, max(span.least, 16 << 10))])
    except StopIteration as done:
        return done.value, pieces


def test_a_vocabulary_that_comes_in_small_pieces() -> None:
    tokens = [f"token {each}" for each in range(262_144)]
    data = Gguf(pairs=(Pair("tokenizer.ggml.tokens", ARRAY, (STRING, tokens)),)).build()
    header, pieces = read_by_16_kib(data)
    assert header.vocabulary == len(tokens)
    assert pieces > 100, "so many of the largest spans are more than may be read"


def test_a_length_that_wraps_around_is_no_length() -> None:
    # Added in 64 bits, the second length would lead back to the first: a loop without end.
    strings = u64(8) + b"x" * 8 + u64(U64_MAX - 15) + b"y" * 64
    with pytest.raises(FormatInvalid, match="truncated"):
        verdict(start(0, 1) + array(STRING, 5) + strings)
