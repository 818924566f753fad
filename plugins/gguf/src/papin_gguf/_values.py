"""Key/value pairs: scalars and the beginnings of texts are kept, arrays are told as their length."""

from __future__ import annotations

import math
from collections.abc import Generator

from papin.formats import Span
from papin_gguf._cursor import Cursor
from papin_gguf._limits import KEPT_STRING_BYTES, KEPT_VALUES, LAYERS_READ, MAX_KEY_BYTES, MAX_KEYS, SHOWN_KEY_BYTES
from papin_gguf._refuse import refuse
from papin_gguf._tables import ARRAY, BOOL, SCALARS, STRING, UINT32, VALUE_NAMES
from papin_gguf._text import show

Scalar = str | int | float | bool

_ALIGNMENT = "general.alignment"
_TEMPLATE = "tokenizer.chat_template"
SAMPLING = {
    "general.sampling.temp": "temperature",
    "general.sampling.top_k": "top_k",
    "general.sampling.top_p": "top_p",
    "general.sampling.min_p": "min_p",
    "general.sampling.penalty_repeat": "repeat_penalty",
}
"""Values that llama.cpp samples with by itself, and what papin calls them."""

_NEEDED = frozenset(
    {
        *SAMPLING,
        "general.architecture",
        "general.file_type",
        "general.name",
        "split.count",
        "split.no",
        "split.tensors.count",
        "tokenizer.ggml.tokens",
    },
)
_NEEDED_OF_IT = frozenset(
    {
        "attention.head_count",
        "attention.head_count_kv",
        "attention.key_length",
        "attention.value_length",
        "block_count",
        "context_length",
        "embedding_length",
        "vocab_size",
    },
)
_LEAST_PAIR = 8 + 1 + 4 + 1
_DEFAULT_ALIGNMENT = 32


class Values:
    """What the key/value pairs said.

    `scalars` are for people and for the header, in the order of the file. `lengths` are of arrays, and `largest` is the
    largest number of those that have one for each layer.
    """

    def __init__(self) -> None:
        self.scalars: dict[str, Scalar] = {}
        self.lengths: dict[str, int] = {}
        self.largest: dict[str, int] = {}
        self.alignment = _DEFAULT_ALIGNMENT
        self.has_chat_template = False
        self.left_out = 0
        self.odd_keys = 0

    def wants(self, key: str) -> bool:
        """Tell whether there is room for one more: always for what the header needs."""
        room = len(self.scalars) + len(self.lengths) < KEPT_VALUES
        if len(key) <= SHOWN_KEY_BYTES and (room or self._needs(key)):
            return True
        self.left_out += 1
        return False

    def _needs(self, key: str) -> bool:
        architecture = self.text("general.architecture")
        return key in _NEEDED or (key.startswith(f"{architecture}.") and key[len(architecture) + 1 :] in _NEEDED_OF_IT)

    def number(self, key: str) -> int | None:
        """Return a whole number that is not negative, also of an array that has one for each layer."""
        value = self.scalars.get(key, self.largest.get(key))
        return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None

    def text(self, key: str) -> str:
        """Return a text, or an empty one."""
        value = self.scalars.get(key)
        return value if isinstance(value, str) else ""


def read_values(cursor: Cursor, count: int) -> Generator[Span, bytes, Values]:
    """Read `count` pairs."""
    if count > MAX_KEYS:
        raise refuse(f"it declares {count} key/value pairs, more than {MAX_KEYS}")
    cursor.expect(count * _LEAST_PAIR)
    values = Values()
    seen: set[int] = set()
    for _ in range(count):
        raw = yield from _read_key(cursor)
        mark = hash(raw)  # the keys themselves may be long
        if mark in seen:
            raise refuse(f"the key {show(raw[:SHOWN_KEY_BYTES], len(raw))!r} stands in it twice")
        seen.add(mark)
        if not raw.isascii():
            values.odd_keys += 1
        yield from _read_value(cursor, show(raw), values)
    return values


def _read_key(cursor: Cursor) -> Generator[Span, bytes, bytes]:
    length = yield from cursor.read_u64()
    if not 0 < length <= MAX_KEY_BYTES:
        raise refuse(f"a key has {length} bytes, and may have 1 to {MAX_KEY_BYTES}")
    raw = yield from cursor.read_bytes(length, length)
    try:
        sound = raw.decode("utf-8").isprintable()
    except UnicodeDecodeError:
        sound = False
    if not sound:
        raise refuse(f"the key {show(raw[:SHOWN_KEY_BYTES], length)!r} has unprintable characters")
    return raw


def _read_value(cursor: Cursor, key: str, values: Values) -> Generator[Span, bytes, None]:
    kind = yield from cursor.read_u32()
    if key == _ALIGNMENT and kind != UINT32:
        raise refuse(f"{key} is of the type {VALUE_NAMES.get(kind, kind)}, and must be uint32")
    if kind in SCALARS:
        value = yield from _read_scalar(cursor, kind)
        if key == _ALIGNMENT:
            values.alignment = _check_alignment(value)
        if values.wants(key):
            values.scalars[key] = value
    elif kind == STRING:
        yield from _read_string(cursor, key, values)
    elif kind == ARRAY:
        yield from _read_array(cursor, key, values)
    else:
        raise refuse(f"the value of {key[:SHOWN_KEY_BYTES]!r} is of the unknown type {kind}")


def _check_alignment(value: Scalar) -> int:
    if not isinstance(value, int) or value <= 0 or value & (value - 1):
        raise refuse(f"{_ALIGNMENT} is {value}, and must be a power of two")
    return value


def _read_scalar(cursor: Cursor, kind: int) -> Generator[Span, bytes, Scalar]:
    layout = cursor.numbers(SCALARS[kind])
    raw = yield from cursor.read_bytes(layout.size, layout.size)
    value: Scalar = layout.unpack(raw)[0]
    if kind == BOOL:
        return bool(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no word for it
    return value


def _read_string(cursor: Cursor, key: str, values: Values) -> Generator[Span, bytes, None]:
    length = yield from cursor.read_u64()
    if key.startswith(_TEMPLATE):  # a program, which is neither run nor handed on
        values.has_chat_template = values.has_chat_template or length > 0
        cursor.skip(length)
        return
    raw = yield from cursor.read_bytes(length, KEPT_STRING_BYTES)
    if values.wants(key):
        values.scalars[key] = show(raw, length)


def _read_array(cursor: Cursor, key: str, values: Values) -> Generator[Span, bytes, None]:
    kind = yield from cursor.read_u32()
    count = yield from cursor.read_u64()
    wanted = values.wants(key)
    if kind == STRING:
        yield from cursor.skip_strings(count)
    elif kind in SCALARS:
        layout = cursor.numbers(SCALARS[kind])
        cursor.expect(count * layout.size)
        if 0 < count <= LAYERS_READ and kind != BOOL and wanted:
            values.largest.update((yield from _read_largest(cursor, key, kind, count)))
        else:
            cursor.skip(count * layout.size)
    else:
        raise refuse(f"{key[:SHOWN_KEY_BYTES]!r} is an array of {VALUE_NAMES.get(kind, f'the unknown type {kind}')}")
    if wanted:
        values.lengths[key] = count


def _read_largest(cursor: Cursor, key: str, kind: int, count: int) -> Generator[Span, bytes, dict[str, int]]:
    layout = cursor.numbers(f"{count}{SCALARS[kind]}")
    raw = yield from cursor.read_bytes(layout.size, layout.size)
    largest = max(layout.unpack(raw))
    return {key: largest} if isinstance(largest, int) else {}
