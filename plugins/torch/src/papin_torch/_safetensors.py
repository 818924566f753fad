"""The header of a safetensors file: https://huggingface.co/docs/safetensors.

Eight bytes of length (little endian), then that much JSON: each tensor's `dtype`, `shape` and `data_offsets`, and
`__metadata__` with texts; then the data, which the tensors cover without a gap or an overlap. So the size of the file
follows from its header.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

import msgspec

from papin.errors import FormatInvalid
from papin.formats import Reading, Span
from papin.models import Header

__all__ = ["read"]

_LENGTH = 8
_DECODED = 16 << 20  # bytes of JSON that are decoded; a hundred thousand tensors need less
_METADATA = "__metadata__"
_DEEPEST = 64  # dimensions
_SHOWN = 60
_TEXTS = 64

# Bits of an element (safetensors/src/tensor.rs, Dtype::bitsize).
_BITS = {
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "C64": 64, "F64": 64, "I64": 64, "U64": 64,
}  # fmt: skip


class _Tensor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def _refuse(reason: str) -> FormatInvalid:
    return FormatInvalid(
        f"the file is not a valid safetensors file: {reason}",
        next_step="Download it again; if it is complete, it was made wrong: take another file.",
    )


def _truncated(size: int, needed: int) -> FormatInvalid:
    return FormatInvalid(
        f"the file is truncated: it has {size} of at least {needed} bytes",
        next_step="The download or copy was cut off: papin models download or import it again.",
    )


def read(size: int) -> Reading:
    """Read the header of a file of `size` bytes; see `papin.formats`."""
    if size < _LENGTH:
        raise _truncated(size, _LENGTH)
    head = yield Span(0, _LENGTH)
    if len(head) < _LENGTH:
        raise _truncated(len(head), _LENGTH)
    length = int.from_bytes(head, "little")
    if length < 2:  # noqa: PLR2004  # {}
        raise _refuse("its header has no room for anything")
    if length > size - _LENGTH:
        raise _truncated(size, _LENGTH + length)
    if length > _DECODED:
        raise _refuse(f"its header of {length} bytes is larger than papin reads ({_DECODED})")
    text = yield Span(_LENGTH, length)
    if len(text) < length:
        raise _truncated(_LENGTH + len(text), _LENGTH + length)
    return _header(text, size)


def _header(text: bytes, size: int) -> Header:
    tensors, metadata = _decode(text)
    data = _check_cover(tensors)
    needed = _LENGTH + len(text) + data
    if needed > size:
        raise _truncated(size, needed)
    if needed < size:
        raise _refuse(f"{size - needed} bytes follow its data")
    weights = {name: math.prod(each.shape) for name, each in tensors.items()}
    parameters = sum(weights.values())
    return Header(
        format="safetensors",
        parameters=parameters or None,
        quantization=_dtype(tensors, weights),
        bits_per_weight=round(data * 8 / parameters, 3) if parameters else None,
        tensors=len(tensors),
        tensor_bytes=data,
        header_bytes=_LENGTH + len(text),
        expected_size=needed,
        metadata=dict(list(metadata.items())[:_TEXTS]),
    )


def _decode(text: bytes) -> tuple[dict[str, _Tensor], dict[str, str]]:
    if text[:1] != b"{":
        raise _refuse("its header does not begin with a brace")
    try:
        raw = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        told = raw.pop(_METADATA, None)
        metadata = {} if told is None else msgspec.json.decode(told, type=dict[str, str])
        tensors = {name: msgspec.json.decode(each, type=_Tensor) for name, each in raw.items()}
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _refuse(f"its header cannot be understood: {str(error)[:200]}") from error
    return tensors, {_plain(key): _plain(value) for key, value in metadata.items()}


def _plain(text: str) -> str:
    """Return a text of the file on one line; nothing in it can move a cursor or hide what stands beside it."""
    cut = text[:2000]
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in cut)


def _check_cover(tensors: Mapping[str, _Tensor]) -> int:
    """Return how many bytes of data there are, which the tensors cover exactly, each with what its shape needs."""
    at = 0
    for name, each in sorted(tensors.items(), key=lambda item: item[1].data_offsets):
        begin, end = each.data_offsets
        if begin != at or end < begin:
            raise _refuse(f"the data of {name[:_SHOWN]!a} begins at {begin} and not at {at}")
        if end - begin != _size(name, each):
            raise _refuse(f"{name[:_SHOWN]!a} has {end - begin} bytes, which is not what its shape needs")
        at = end
    return at


def _size(name: str, tensor: _Tensor) -> int:
    bits = _BITS.get(tensor.dtype)
    if bits is None:
        raise _refuse(f"{name[:_SHOWN]!a} is of the unknown type {tensor.dtype[:_SHOWN]!a}")
    if len(tensor.shape) > _DEEPEST or any(not 0 <= each < 2**63 for each in tensor.shape):
        raise _refuse(f"the shape of {name[:_SHOWN]!a} makes no sense")
    total = math.prod(tensor.shape) * bits
    if total % 8:
        raise _refuse(f"{name[:_SHOWN]!a} does not end with a byte")
    return total // 8


def _dtype(tensors: Mapping[str, _Tensor], weights: Mapping[str, int]) -> str:
    """Return the type of most weights."""
    counted: Counter[str] = Counter()
    for name, each in tensors.items():
        counted[each.dtype] += weights[name]
    return counted.most_common(1)[0][0] if counted else ""
