"""The hook of papin-torch; light, so that loading it costs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from papin.formats import FileSet, Format, Reading
from papin.hookspecs import hookimpl
from papin.models import Header

__all__ = ["papin_formats"]

_LENGTH = 8
_LARGEST = 100_000_000


def _is_safetensors(head: bytes) -> bool:
    size = int.from_bytes(head[:_LENGTH], "little")
    return len(head) > _LENGTH and head[_LENGTH : _LENGTH + 1] == b"{" and 2 <= size <= _LARGEST  # noqa: PLR2004  # {}


def _read(size: int) -> Reading:
    from papin_torch._safetensors import read  # noqa: PLC0415  # the tables are loaded when a file is read

    return read(size)


def _group(names: Sequence[str]) -> tuple[FileSet, ...]:
    from papin_torch._safetensors import group  # noqa: PLC0415

    return group(names)


def _join(headers: Mapping[str, Header]) -> Header:
    from papin_torch._safetensors import join  # noqa: PLC0415

    return join(headers)


@hookimpl
def papin_formats() -> Iterable[Format]:
    """Register safetensors."""
    yield Format(
        name="safetensors",
        summary="safetensors, tensors without code, as PyTorch models are published",
        suffixes=(".safetensors",),
        recognise=_is_safetensors,
        read=_read,
        group=_group,
        join=_join,
    )
