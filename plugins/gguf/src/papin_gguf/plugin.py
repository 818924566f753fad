"""The hook of papin-gguf; light, so that loading it costs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from papin.formats import FileSet, Format, Reading
from papin.hookspecs import hookimpl
from papin.models import Header

__all__ = ["papin_formats"]


def _is_gguf(head: bytes) -> bool:
    return head[:4] == b"GGUF"


def _is_ggml(head: bytes) -> bool:
    return head[:4] in {b"lmgg", b"fmgg", b"tjgg", b"algg"}


def _read_gguf(size: int) -> Reading:
    from papin_gguf._header import read  # noqa: PLC0415  the tables are loaded when a file is read

    return read(size)


def _read_ggml(size: int) -> Reading:
    from papin_gguf._legacy import read  # noqa: PLC0415

    return read(size)


def _group(names: Sequence[str]) -> tuple[FileSet, ...]:
    from papin_gguf._shards import group  # noqa: PLC0415

    return group(names)


def _join(headers: Mapping[str, Header]) -> Header:
    from papin_gguf._shards import join  # noqa: PLC0415

    return join(headers)


@hookimpl
def papin_formats() -> Iterable[Format]:
    """Register GGUF, and what went before it."""
    yield Format(
        name="gguf",
        summary="GGUF, the format of llama.cpp and of everything built on it",
        suffixes=(".gguf",),
        recognise=_is_gguf,
        read=_read_gguf,
        group=_group,
        join=_join,
    )
    yield Format(
        name="ggml",
        summary="GGML, GGMF, GGJT and GGLA, the formats that llama.cpp had before GGUF; only recognised",
        suffixes=(".ggml", ".bin"),
        recognise=_is_ggml,
        read=_read_ggml,
    )
