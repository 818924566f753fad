"""Reads the header of a GGUF file, versions 2 and 3, little-endian and big-endian.

    "GGUF", version u32, number of tensors u64, number of pairs u64, pairs, tensor table, padding, tensor data

After the specification of GGUF (ggml, docs/gguf.md), and as strict as llama.cpp.
"""

from __future__ import annotations

from collections.abc import Generator

from papin.formats import Reading, Span
from papin.models import Header
from papin_gguf._cursor import Cursor
from papin_gguf._refuse import refuse, truncated
from papin_gguf._tables import FILE_TYPES, GUESSED
from papin_gguf._tensors import Tensors, read_tensors
from papin_gguf._values import SAMPLING, Scalar, Values, read_values

_VERSIONS = (2, 3)
_OLDEST = 1
_LOW_HALF = 0xFFFF
_SHARD_LIMIT = 1 << 16


def read(size: int) -> Reading:
    """Return the generator that reads the header of a file of `size` bytes. Raises `FormatInvalid`."""
    cursor = Cursor(size)
    version = yield from _read_start(cursor)
    tensor_count = yield from cursor.read_u64()
    value_count = yield from cursor.read_u64()
    values = yield from read_values(cursor, value_count)
    tensors = yield from read_tensors(cursor, tensor_count, values.alignment)
    header = cursor.at
    data = -(-header // values.alignment) * values.alignment
    needed = data + tensors.end if tensors.end else header
    if needed > size:
        raise truncated(size, needed)
    return _describe(version, values, tensors, header, needed)


def _read_start(cursor: Cursor) -> Generator[Span, bytes, str]:
    magic = yield from cursor.read_bytes(4, 4)
    if magic != b"GGUF":
        raise refuse("it does not begin with GGUF")
    version = yield from cursor.read_u32()
    if version and not version & _LOW_HALF:  # the magic is the same in both orders, small versions are not
        cursor.use(">")
        version = int.from_bytes(version.to_bytes(4, "little"), "big")
        order = " big-endian"
    else:
        order = ""
    if version not in _VERSIONS:
        step = "Take a newer file of this model." if version == _OLDEST else "Update papin-gguf, or take another file."
        raise refuse(f"it is of version {version}, and versions 2 and 3 can be read", next_step=step)
    return f"{version}{order}"


def _describe(version: str, values: Values, tensors: Tensors, header: int, needed: int) -> Header:
    architecture = values.text("general.architecture")

    def number(key: str) -> int | None:
        return values.number(f"{architecture}.{key}")

    heads = number("attention.head_count")
    width = number("embedding_length")
    head = width // heads if width and heads else None
    return Header(
        format="gguf",
        version=version,
        architecture=architecture,
        name=values.text("general.name"),
        parameters=tensors.parameters,
        quantization=_quantization(values, tensors),
        bits_per_weight=round(tensors.bytes * 8 / tensors.parameters, 3) if tensors.parameters else None,
        context_length=number("context_length"),
        layers=number("block_count"),
        embedding_length=width,
        heads=heads,
        kv_heads=_or(number("attention.head_count_kv"), heads),
        key_length=_or(number("attention.key_length"), head),
        value_length=_or(number("attention.value_length"), head),
        vocabulary=_or(number("vocab_size"), values.lengths.get("tokenizer.ggml.tokens")),
        has_chat_template=values.has_chat_template,
        tensors=tensors.count,
        tensor_bytes=tensors.bytes,
        header_bytes=header,
        expected_size=needed,
        shard=_shard(values),
        sampling=_sampling(values),
        metadata=_metadata(values),
        warnings=tuple(_warnings(version, values)),
    )


def _or(value: int | None, default: int | None) -> int | None:
    return default if value is None else value


def _quantization(values: Values, tensors: Tensors) -> str:
    code = values.number("general.file_type")
    if code is not None and not code & GUESSED and code in FILE_TYPES:
        return FILE_TYPES[code]
    return tensors.dominant()


def _shard(values: Values) -> tuple[int, int] | None:
    number, count = values.number("split.no"), values.number("split.count")
    if number is None or not count:
        return None
    if number >= count or count >= _SHARD_LIMIT:
        raise refuse(f"it says that it is part {number + 1} of {count}")
    return number, count


def _sampling(values: Values) -> dict[str, int | float]:
    told = {name: values.scalars.get(key) for key, name in SAMPLING.items()}
    return {
        # Of a 32-bit number seven digits are meant: 0.95, and not 0.949999988079071.
        name: int(value) if name == "top_k" else float(f"{value:.7g}")
        for name, value in told.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _metadata(values: Values) -> dict[str, Scalar]:
    return values.scalars | {key: f"[{count} values]" for key, count in values.lengths.items()}


def _warnings(version: str, values: Values) -> Generator[str]:
    if "big" in version:
        yield "It is big-endian: programs on a little-endian machine cannot load it."
    if not values.text("general.architecture") and not values.number("split.no"):
        yield "It does not say its architecture, so no program can load it."
    if values.odd_keys:
        yield f"{values.odd_keys} of its keys are not ASCII."
    if values.left_out:
        yield f"{values.left_out} of its key/value pairs are not shown: there are too many, or their keys are too long."
