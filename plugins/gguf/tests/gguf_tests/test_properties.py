"""What must be true of every file: what was written is read, and what was damaged is refused or read."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from papin.errors import FormatInvalid
from papin.models import Header
from papin.testing.formats import drive
from papin_gguf._header import read
from papin_gguf._limits import KEPT_STRING_BYTES

from .writer import ARRAY, BOOL, F32, F64, I8, I16, I32, I64, STRING, U8, U16, U32, U64, Gguf, Pair, Tensor, tiny

WHOLE = {U8: (0, 8), I8: (7, 7), U16: (0, 16), I16: (15, 15), U32: (0, 32), I32: (31, 31), U64: (0, 64), I64: (63, 63)}


def whole(kind: int) -> st.SearchStrategy[int]:
    low, high = WHOLE[kind]
    return st.integers(-(1 << low) if low else 0, (1 << high) - 1)


SCALARS: dict[int, st.SearchStrategy[Any]] = {
    **{kind: whole(kind) for kind in WHOLE},
    F32: st.floats(width=32, allow_nan=False, allow_infinity=False),
    F64: st.floats(allow_nan=False, allow_infinity=False),
    BOOL: st.booleans(),
    STRING: st.text(max_size=20),
}
ONE = st.sampled_from(sorted(SCALARS)).flatmap(lambda kind: st.tuples(st.just(kind), SCALARS[kind]))
ARRAYS = st.sampled_from(sorted(SCALARS)).flatmap(
    lambda kind: st.tuples(st.just(ARRAY), st.tuples(st.just(kind), st.lists(SCALARS[kind], max_size=8)))
)
KEYS = st.text("abcdefgh.-_0123", min_size=1, max_size=12)
PAIRS = st.dictionaries(KEYS, ONE | ARRAYS, max_size=12)
ROWS = {0: 1, 1: 1, 2: 32, 8: 32, 12: 256, 24: 1}
SHAPES = st.sampled_from(sorted(ROWS)).flatmap(
    lambda code: st.tuples(
        st.just(code),
        st.integers(0, 3).map(lambda blocks: blocks * ROWS[code]),
        st.lists(st.integers(0, 3), max_size=3),
    )
)
TENSORS = st.dictionaries(st.text("abc.0", max_size=10), SHAPES, max_size=6)


def file(pairs: dict[str, Any], tensors: dict[str, Any], version: int, order: str) -> Gguf:
    return Gguf(
        pairs=tuple(Pair(key, kind, value) for key, (kind, value) in pairs.items()),
        tensors=tuple(Tensor(name, (row, *more), code) for name, (code, row, more) in tensors.items()),
        version=version,
        order=order,
    )


def shown(kind: int, value: Any) -> Any:
    if kind == ARRAY:
        return f"[{len(value[1])} values]"
    if kind == STRING:
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)
    return value


@given(PAIRS, TENSORS, st.sampled_from([2, 3]), st.sampled_from("<>"))
def test_what_was_written_is_read(pairs: Any, tensors: Any, version: int, order: str) -> None:
    written = file(pairs, tensors, version, order)
    data = written.build()
    header = drive(read(len(data)), data)
    assert header.metadata == {key: shown(*value) for key, value in pairs.items()}
    assert header.version == f"{version}{' big-endian' if order == '>' else ''}"
    assert header.tensors == len(tensors)
    assert header.parameters == sum(math.prod(tensor.shape) for tensor in written.tensors)
    assert header.tensor_bytes == sum(tensor.size for tensor in written.tensors)
    assert header.header_bytes == len(written.header())
    assert header.expected_size is not None
    assert len(data) - 32 < header.expected_size <= len(data)


def verdict(data: bytes) -> Header | None:
    try:
        return drive(read(len(data)), data, most=50)
    except FormatInvalid:
        return None


SAMPLE = tiny()


@settings(max_examples=400)
@given(st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_changed_bytes_give_a_header_or_a_refusal(changes: list[tuple[int, int]]) -> None:
    data = bytearray(SAMPLE)
    for position, value in changes:
        data[position] = value
    verdict(bytes(data))


@settings(max_examples=300)
@given(st.binary(max_size=200), st.sampled_from([2, 3]), st.sampled_from(["little", "big"]))
def test_anything_behind_the_magic_gives_a_header_or_a_refusal(data: bytes, version: int, order: Any) -> None:
    verdict(b"GGUF" + version.to_bytes(4, order) + data)


@given(st.text(max_size=3000))
def test_a_long_text_is_cut(value: str) -> None:
    data = Gguf(pairs=(Pair("k", STRING, value),)).build()
    told = drive(read(len(data)), data).metadata["k"]
    length = len(value.encode())
    assert isinstance(told, str)
    assert told.isprintable()
    assert told.endswith(f"... ({length} bytes)") == (length > KEPT_STRING_BYTES)
