"""The hook of papin-onnx; light, so that loading it costs nothing."""

from __future__ import annotations

from collections.abc import Iterable

from papin.formats import Format, Reading
from papin.hookspecs import hookimpl

__all__ = ["papin_formats"]

_MOST_IR = 64
# Tags of what may follow the version: producer name and version, domain, model version, doc string, graph, opsets.
_SECOND = (0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42)


def _is_onnx(head: bytes) -> bool:
    # A protobuf has no magic number; every writer begins with the version of the intermediate representation.
    return len(head) > 2 and head[0] == 0x08 and 0 < head[1] < _MOST_IR and head[2] in _SECOND  # noqa: PLR2004


def _read(size: int) -> Reading:
    from papin_onnx._model import read  # noqa: PLC0415  # the tables are loaded when a file is read

    return read(size)


@hookimpl
def papin_formats() -> Iterable[Format]:
    """Register ONNX."""
    yield Format(
        name="onnx",
        summary="ONNX, models as graphs, for ONNX Runtime and others",
        suffixes=(".onnx",),
        recognise=_is_onnx,
        read=_read,
    )
