"""The tensor table: names, shapes, types and offsets, each compared with the others and with the file."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator

from papin.formats import Span
from papin_gguf._cursor import Cursor
from papin_gguf._limits import MAX_DIMENSIONS, MAX_TENSOR_NAME_BYTES, MAX_TENSORS
from papin_gguf._refuse import refuse
from papin_gguf._tables import REMOVED_TENSOR_TYPES, TENSOR_TYPES, TensorType
from papin_gguf._text import show

_LEAST_TENSOR = 8 + 4 + 4 + 8
_LARGEST = (1 << 63) - 1


class Tensors:
    """What the tensor table said; `end` is where the data of the last tensor ends, from where the data begins."""

    def __init__(self) -> None:
        self.count = 0
        self.parameters = 0
        self.bytes = 0
        self.end = 0
        self.weights: Counter[str] = Counter()

    def dominant(self) -> str:
        """Return the type that most weights have."""
        return self.weights.most_common(1)[0][0] if self.weights else ""


def read_tensors(cursor: Cursor, count: int, alignment: int) -> Generator[Span, bytes, Tensors]:
    """Read the table of `count` tensors."""
    if count > MAX_TENSORS:
        raise refuse(f"it declares {count} tensors, more than {MAX_TENSORS}")
    cursor.expect(count * _LEAST_TENSOR)
    tensors = Tensors()
    names: set[bytes] = set()
    for _ in range(count):
        name = yield from _read_name(cursor)
        if name in names:
            raise refuse(f"the tensor {show(name)!r} stands in it twice")
        names.add(name)
        yield from _read_tensor(cursor, name, alignment, tensors)
    tensors.count = count
    return tensors


def _read_name(cursor: Cursor) -> Generator[Span, bytes, bytes]:
    length = yield from cursor.read_u64()
    if length > MAX_TENSOR_NAME_BYTES:
        raise refuse(f"the name of a tensor has {length} bytes, and may have {MAX_TENSOR_NAME_BYTES}")
    return (yield from cursor.read_bytes(length, length))


def _read_tensor(cursor: Cursor, name: bytes, alignment: int, tensors: Tensors) -> Generator[Span, bytes, None]:
    dimensions = yield from cursor.read_u32()
    if dimensions > MAX_DIMENSIONS:
        raise refuse(f"the tensor {show(name)!r} has {dimensions} dimensions, and may have {MAX_DIMENSIONS}")
    layout = cursor.numbers(f"{dimensions}qIQ")
    raw = yield from cursor.read_bytes(layout.size, layout.size)
    *shape, code, offset = layout.unpack(raw)
    kind = _type_of(name, code)
    weights, size = _measure(name, shape, kind)
    start = -(-tensors.end // alignment) * alignment
    if offset != start:
        raise refuse(f"the data of the tensor {show(name)!r} is at {offset}, and must be at {start}")
    tensors.end = start + size
    if tensors.end > _LARGEST:
        raise refuse("its tensors are larger than any file can be")
    tensors.parameters += weights
    tensors.bytes += size
    tensors.weights[kind.name] += weights


def _type_of(name: bytes, code: int) -> TensorType:
    kind = TENSOR_TYPES.get(code)
    if kind is not None:
        return kind
    removed = REMOVED_TENSOR_TYPES.get(code)
    if removed:
        raise refuse(
            f"the tensor {show(name)!r} is of the type {removed}, which llama.cpp has removed",
            next_step="Take another file of this model, for example one quantised to Q4_0 or Q4_K_M.",
        )
    raise refuse(
        f"the tensor {show(name)!r} is of the unknown type {code}",
        next_step="If the file is newer than papin-gguf, update papin-gguf; else it is damaged: download it again.",
    )


def _measure(name: bytes, shape: list[int], kind: TensorType) -> tuple[int, int]:
    if any(length < 0 for length in shape):
        raise refuse(f"the tensor {show(name)!r} has a negative dimension: {shape}")
    if math.prod(length or 1 for length in shape) > _LARGEST:
        raise refuse(f"the tensor {show(name)!r} has more weights than can be counted: {shape}")
    row = shape[0] if shape else 1
    if row % kind.block:
        raise refuse(f"a row of the tensor {show(name)!r} has {row} weights, not whole blocks of {kind.block}")
    weights = math.prod(shape)
    size = weights // kind.block * kind.size
    if size > _LARGEST:
        raise refuse(f"the tensor {show(name)!r} has more bytes than any file can have")
    return weights, size
