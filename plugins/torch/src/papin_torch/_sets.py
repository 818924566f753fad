"""The parts of a split model: which files they are, and what they say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from papin import shards
from papin.errors import FormatInvalid
from papin.formats import FileSet
from papin.models import Header

__all__ = ["group", "join"]


def group(names: Sequence[str], suffix: str) -> tuple[FileSet, ...]:
    """Group file names into sets; see `papin.shards`."""
    return shards.group(names, suffix)


def join(headers: Mapping[str, Header], suffix: str) -> Header:
    """Return what the parts of a split model say together.

    Raises:
        FormatInvalid: a part is missing or does not belong, by the names.
    """
    first, *others = group(list(headers), suffix)
    if others or not first.complete:
        wrong = ", ".join([*first.missing, *first.extra, *(each.name for each in others)][:5])
        raise FormatInvalid(
            f"the files are not the parts of one model: {wrong}",
            next_step="Put all parts of one download beside each other, under the names that they were published with.",
        )
    parameters = sum(header.parameters or 0 for header in headers.values())
    size = sum(header.tensor_bytes for header in headers.values())
    return msgspec.structs.replace(
        next(iter(headers.values())),
        parameters=parameters or None,
        tensors=sum(header.tensors for header in headers.values()),
        tensor_bytes=size,
        bits_per_weight=round(size * 8 / parameters, 3) if parameters else None,
        expected_size=sum(header.expected_size or 0 for header in headers.values()),
        warnings=tuple(dict.fromkeys(text for header in headers.values() for text in header.warnings)),
    )
