"""The head of an ONNX model: onnx/onnx.proto, the messages ModelProto, GraphProto and TensorProto.

Weights are skipped and only counted. Weights that lie in other files are named by the model itself, and a name that
leads out of its folder refuses the file.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field

from papin import names
from papin.errors import NameInvalid
from papin.formats import Reading, Span
from papin.models import Header
from papin_onnx._wire import Field, NotHere, Window, refuse

__all__ = ["read"]

Walk = Generator[Span, bytes, None]

_MOST_TENSORS = 200_000
_MOST_TEXTS = 64
_MOST_INPUTS = 32
_TEXT = 200
_DEEPEST = 64

# TensorProto.DataType: the name, and the bits of an element (0: texts).
_TYPES = {
    1: ("F32", 32), 2: ("UINT8", 8), 3: ("INT8", 8), 4: ("UINT16", 16), 5: ("INT16", 16), 6: ("INT32", 32),
    7: ("INT64", 64), 8: ("STRING", 0), 9: ("BOOL", 8), 10: ("F16", 16), 11: ("F64", 64), 12: ("UINT32", 32),
    13: ("UINT64", 64), 14: ("C64", 64), 15: ("C128", 128), 16: ("BF16", 16), 17: ("F8_E4M3", 8),
    18: ("F8_E4M3FNUZ", 8), 19: ("F8_E5M2", 8), 20: ("F8_E5M2FNUZ", 8), 21: ("UINT4", 4), 22: ("INT4", 4),
    23: ("FP4", 4), 24: ("F8_E8M0", 8), 25: ("UINT2", 2), 26: ("INT2", 2),
}  # fmt: skip
_EXTERNAL = 1  # TensorProto.DataLocation


@dataclass(slots=True)
class _Found:
    """What was seen so far."""

    version: int = 0
    name: str = ""
    graph_end: int = 0
    is_whole: bool = True
    inputs: list[str] = field(default_factory=list)
    tensors: int = 0
    parameters: int = 0
    tensor_bytes: int = 0
    types: Counter[str] = field(default_factory=Counter)
    outside: dict[str, int] = field(default_factory=dict)
    texts: dict[str, str | int | float | bool] = field(default_factory=dict)


@dataclass(slots=True)
class _Tensor:
    dims: list[int] = field(default_factory=list)
    kind: int = 0
    raw: int | None = None
    is_outside: bool = False
    place: dict[str, str] = field(default_factory=dict)


def read(size: int) -> Reading:
    """Read the head of a file of `size` bytes; see `papin.formats`."""
    if not size:
        raise refuse("it is empty")
    window, found = Window(size), _Found()
    at = 0
    try:
        while at < size:
            each, at = yield from window.field(at, size)
            yield from _model_field(window, each, found)
    except NotHere:
        found.is_whole = False
    if not (found.version and found.graph_end):
        raise refuse("it has no version or no graph")
    return _header(found, size)


def _header(found: _Found, size: int) -> Header:
    if not found.is_whole:
        return Header(
            format="onnx",
            version=str(found.version),
            name=found.name,
            expected_size=found.graph_end,
            metadata=found.texts,
            warnings=("only what stands before its weights was read",),
        )
    outside = ", ".join(sorted(found.outside)[:5])
    return Header(
        format="onnx",
        version=str(found.version),
        name=found.name,
        parameters=found.parameters or None,
        quantization=found.types.most_common(1)[0][0] if found.types else "",
        bits_per_weight=round(found.tensor_bytes * 8 / found.parameters, 3) if found.parameters else None,
        tensors=found.tensors,
        tensor_bytes=found.tensor_bytes,
        header_bytes=size - (found.tensor_bytes - sum(found.outside.values())),
        expected_size=found.graph_end,  # what may follow says of itself that it is there
        metadata=found.texts,
        warnings=(f"its weights lie in {outside} beside it",) if outside else (),
    )


def _model_field(window: Window, each: Field, found: _Found) -> Walk:
    if each.number == 1:
        found.version = each.value
    elif each.number == 2:  # noqa: PLR2004  # the numbers are those of onnx.proto
        found.texts["producer_name"] = yield from window.text(each, _TEXT)
    elif each.number == 7:  # noqa: PLR2004
        found.graph_end = each.end
        yield from _graph(window, each, found)
        if found.inputs:
            found.texts["inputs"] = ", ".join(found.inputs)
    elif each.number == 8:  # noqa: PLR2004
        yield from _opset(window, each, found)
    elif each.number == 14:  # noqa: PLR2004
        pair = yield from _pair(window, each)
        if len(found.texts) < _MOST_TEXTS:
            found.texts[pair[0]] = pair[1]


def _graph(window: Window, graph: Field, found: _Found) -> Walk:
    at = graph.start
    while at < graph.end:
        each, at = yield from window.field(at, graph.end)
        if each.number == 2:  # noqa: PLR2004
            found.name = yield from window.text(each, _TEXT)
        elif each.number == 5:  # noqa: PLR2004
            found.tensors += 1
            if found.tensors > _MOST_TENSORS:
                raise refuse(f"it has more than {_MOST_TENSORS} tensors")
            yield from _tensor(window, each, found)
        elif each.number == 11 and len(found.inputs) < _MOST_INPUTS:  # noqa: PLR2004
            found.inputs.append((yield from _named(window, each, 1)))


def _named(window: Window, message: Field, number: int) -> Generator[Span, bytes, str]:
    """Return the text that is the field `number` of a message."""
    at, told = message.start, ""
    while at < message.end:
        each, at = yield from window.field(at, message.end)
        if each.number == number:
            told = yield from window.text(each, _TEXT)
    return told


def _opset(window: Window, message: Field, found: _Found) -> Walk:
    """Note the version of the operators, where it is that of ONNX itself: an OperatorSetIdProto without a domain."""
    at, domain, version = message.start, False, 0
    while at < message.end:
        each, at = yield from window.field(at, message.end)
        if each.number == 1:
            domain = each.end > each.start
        elif each.number == 2:  # noqa: PLR2004
            version = each.value
    if version and not domain:
        found.texts["opset"] = version


def _tensor(window: Window, message: Field, found: _Found) -> Walk:
    tensor = _Tensor()
    at = message.start
    while at < message.end:
        each, at = yield from window.field(at, message.end)
        if each.number == 1:
            tensor.dims += yield from window.numbers(each)
        elif each.number == 2:  # noqa: PLR2004
            tensor.kind = each.value
        elif each.number == 9:  # noqa: PLR2004
            tensor.raw = each.end - each.start
        elif each.number == 13:  # noqa: PLR2004
            key, value = yield from _pair(window, each)
            tensor.place[key] = value
        elif each.number == 14:  # noqa: PLR2004
            tensor.is_outside = each.value == _EXTERNAL
        if len(tensor.dims) > _DEEPEST or len(tensor.place) > _DEEPEST:
            raise refuse("a tensor has more dimensions than makes sense")
    _count(tensor, found)


def _pair(window: Window, message: Field) -> Generator[Span, bytes, tuple[str, str]]:
    """Return a StringStringEntryProto."""
    told = {1: "", 2: ""}
    at = message.start
    while at < message.end:
        each, at = yield from window.field(at, message.end)
        if each.number in told:
            told[each.number] = yield from window.text(each, _TEXT)
    return told[1], told[2]


def _count(tensor: _Tensor, found: _Found) -> None:
    name, bits = _TYPES.get(tensor.kind, ("", 0))
    if not name:
        raise refuse(f"a tensor is of the unknown type {tensor.kind}")
    if any(each >= 2**63 for each in tensor.dims):
        raise refuse("a dimension is negative")
    elements = math.prod(tensor.dims)
    needed = (elements * bits + 7) // 8
    if tensor.is_outside:
        place = _place(tensor.place)
        found.outside[place] = found.outside.get(place, 0) + needed
    elif tensor.raw is not None and bits and tensor.raw != needed:
        raise refuse(f"a tensor has {tensor.raw} bytes, which is not what its shape needs")
    elif tensor.raw is None:
        needed = 0  # its few numbers stand in the message itself, one by one
    found.parameters += elements
    found.tensor_bytes += needed
    found.types[name] += elements


def _place(told: dict[str, str]) -> str:
    """Return the path of a file with weights, which leads nowhere but beside and below the model."""
    location = told.get("location", "")
    try:
        for part in location.removeprefix("./").split("/"):
            names.check(part, "file")
        offsets = [int(told.get(key) or 0) for key in ("offset", "length")]
    except (NameInvalid, ValueError):
        raise refuse(f"its weights are said to lie in {location[:60]!a}") from None
    if min(offsets) < 0 or max(offsets) >= 2**63:
        raise refuse("weights in another file begin or end nowhere")
    return location
