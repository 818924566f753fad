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
    from papin_torch._sets import group  # noqa: PLC0415

    return group(names, ".safetensors")


def _join(headers: Mapping[str, Header]) -> Header:
    from papin_torch._sets import join  # noqa: PLC0415

    return join(headers, ".safetensors")


# What torch.save writes first into an archive, in the folder named after the file.
_FIRST_FILES = (b"/data.pkl", b"/.format_version", b"/.storage_alignment", b"/byteorder", b"/version")
_LOCAL = 30  # bytes of the head of a file in an archive, before its name


def _is_pytorch(head: bytes) -> bool:
    if head[:1] == b"\x80":  # a pickle says its protocol first
        return len(head) > 2 and 2 <= head[1] <= 5  # noqa: PLR2004
    length = int.from_bytes(head[26:28], "little")
    return head[:4] == b"PK\x03\x04" and head[_LOCAL : _LOCAL + length].endswith(_FIRST_FILES)


def _read_pytorch(size: int) -> Reading:
    from papin_torch._pytorch import read  # noqa: PLC0415  # as above

    return read(size)


def _group_pytorch(names: Sequence[str]) -> tuple[FileSet, ...]:
    from papin_torch._sets import group  # noqa: PLC0415

    return group(names, ".bin")


def _join_pytorch(headers: Mapping[str, Header]) -> Header:
    from papin_torch._sets import join  # noqa: PLC0415

    return join(headers, ".bin")


@hookimpl
def papin_formats() -> Iterable[Format]:
    """Register safetensors, and the files of PyTorch itself."""
    yield Format(
        name="safetensors",
        summary="safetensors, tensors without code, as PyTorch models are published",
        suffixes=(".safetensors",),
        recognise=_is_safetensors,
        read=_read,
        group=_group,
        join=_join,
    )
    yield Format(
        name="pytorch",
        summary="PyTorch's own files, which hold a pickle: looked at, never loaded",
        suffixes=(".bin", ".pt", ".pth"),
        recognise=_is_pytorch,
        read=_read_pytorch,
        group=_group_pytorch,
        join=_join_pytorch,
    )
