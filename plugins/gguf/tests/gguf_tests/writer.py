"""Writes GGUF files, right ones and wrong ones: every number in them can be set apart from what is true."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
LETTERS = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "?", U64: "Q", I64: "q", F64: "d"}
SIZES = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 8: (32, 34), 12: (256, 144), 14: (256, 210), 24: (1, 1)}


@dataclass(frozen=True)
class Pair:
    """A key with a value; `raw` replaces what stands behind the key, `key_length` the length before it."""

    key: str | bytes
    kind: int = U32
    value: Any = 0
    raw: bytes | None = None
    key_length: int | None = None


@dataclass(frozen=True)
class Tensor:
    """A tensor; None is what is right."""

    name: str | bytes
    shape: tuple[int, ...] = (32, 2)
    code: int = 0
    offset: int | None = None
    name_length: int | None = None
    dimensions: int | None = None

    @property
    def size(self) -> int:
        block, size = SIZES.get(self.code, (1, 4))
        return math.prod(self.shape) // block * size


@dataclass(frozen=True)
class Gguf:
    """A file. The counts, the magic and the data may be anything; `cut` is how many bytes are missing at the end."""

    pairs: tuple[Pair, ...] = ()
    tensors: tuple[Tensor, ...] = ()
    magic: bytes = b"GGUF"
    version: int = 3
    order: str = "<"
    alignment: int = 32
    pair_count: int | None = None
    tensor_count: int | None = None
    data: bytes | None = None
    cut: int = 0

    def number(self, letter: str, value: int) -> bytes:
        size = struct.calcsize(f"{self.order}{letter}")
        return (value % (1 << 8 * size)).to_bytes(size, "little" if self.order == "<" else "big")

    def text(self, value: str | bytes, length: int | None = None) -> bytes:
        raw = value.encode() if isinstance(value, str) else value
        return self.number("Q", len(raw) if length is None else length) + raw

    def value(self, kind: int, value: Any) -> bytes:
        if kind == STRING:
            return self.text(value)
        if kind == ARRAY:
            inner, items = value
            head = self.number("I", inner) + self.number("Q", len(items))
            return head + b"".join(self.value(inner, each) for each in items)
        return struct.pack(f"{self.order}{LETTERS[kind]}", value)

    def pair(self, pair: Pair) -> bytes:
        rest = self.number("I", pair.kind) + self.value(pair.kind, pair.value) if pair.raw is None else pair.raw
        return self.text(pair.key, pair.key_length) + rest

    def tensor(self, tensor: Tensor, offset: int) -> bytes:
        count = len(tensor.shape) if tensor.dimensions is None else tensor.dimensions
        shape = b"".join(self.number("Q", each) for each in tensor.shape)
        place = offset if tensor.offset is None else tensor.offset
        return b"".join(
            [
                self.text(tensor.name, tensor.name_length),
                self.number("I", count),
                shape,
                self.number("I", tensor.code),
                self.number("Q", place),
            ],
        )

    def pad(self, length: int) -> int:
        return -(-length // self.alignment) * self.alignment

    def header(self) -> bytes:
        parts = [
            self.magic,
            self.number("I", self.version),
            self.number("Q", len(self.tensors) if self.tensor_count is None else self.tensor_count),
            self.number("Q", len(self.pairs) if self.pair_count is None else self.pair_count),
            *(self.pair(each) for each in self.pairs),
        ]
        offset = 0
        for each in self.tensors:
            parts.append(self.tensor(each, offset))
            offset = self.pad(offset + each.size)
        return b"".join(parts)

    def build(self) -> bytes:
        header = self.header()
        whole = header.ljust(self.pad(len(header)), b"\0") if self.tensors else header
        if self.data is not None:
            whole += self.data
        else:
            whole += b"".join(b"\x5a" * self.pad(each.size) for each in self.tensors)
        return whole[: len(whole) - self.cut]


def text(key: str, value: str) -> Pair:
    return Pair(key, STRING, value)


def number(key: str, value: int) -> Pair:
    return Pair(key, U32, value)


LLAMA = (
    text("general.architecture", "llama"),
    text("general.name", "Tiny"),
    number("general.file_type", 2),
    number("llama.block_count", 2),
    number("llama.context_length", 2048),
    number("llama.embedding_length", 64),
    number("llama.attention.head_count", 4),
    number("llama.attention.head_count_kv", 2),
    Pair("llama.rope.freq_base", F32, 10000.0),
    Pair("tokenizer.ggml.tokens", ARRAY, (STRING, ["<s>", "", "Hallo", "\u2581Welt"])),
    Pair("tokenizer.ggml.scores", ARRAY, (F32, [0.0, -1.0, -2.0, -3.0])),
    Pair("tokenizer.ggml.add_bos_token", BOOL, True),
    text("tokenizer.chat_template", "{% for m in messages %}{{ m.content }}{% endfor %}"),
)
WEIGHTS = (
    Tensor("token_embd.weight", (64, 4), 2),
    Tensor("blk.0.attn_norm.weight", (64,), 0),
    Tensor("blk.0.attn_q.weight", (64, 64), 2),
    Tensor("output.weight", (64, 4), 8),
)


def tiny(**changes: Any) -> bytes:
    """A right file of a tiny model, with the given fields of `Gguf` changed."""
    return Gguf(**{"pairs": LLAMA, "tensors": WEIGHTS} | changes).build()
