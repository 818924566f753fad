"""Sets of files that are one model: which belong together by their names, and whether their headers agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from papin import shards
from papin.errors import FormatInvalid
from papin.formats import FileSet
from papin.models import Header

_SUFFIX = ".gguf"
_SHOWN = 5
_MAKE_WHOLE = "Put all parts of one download beside each other, under the names that they were published with."


def group(names: Sequence[str]) -> tuple[FileSet, ...]:
    """Group file names into sets; see `papin.shards`."""
    return shards.group(names, _SUFFIX)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _refuse(reason: str) -> FormatInvalid:
    return FormatInvalid(f"the parts are not one model: {reason}", next_step=_MAKE_WHOLE)


def _total(header: Header) -> object:
    return header.metadata.get("split.tensors.count")


def _refuse_misplaced(headers: Mapping[str, Header]) -> None:
    wrong = []
    for index, (name, header) in enumerate(headers.items()):
        told = shards.part_of(name, _SUFFIX) or (index, len(headers))
        if header.shard != told:
            is_part = f"part {header.shard[0] + 1} of {header.shard[1]}" if header.shard else "no part of a set"
            wrong.append(f"{name} is {is_part}")
    if wrong:
        raise _refuse(_listed(wrong))


def _refuse_foreign(headers: Mapping[str, Header]) -> None:
    ((usual, _),) = Counter(map(_total, headers.values())).most_common(1)
    named = next((header.architecture for header in headers.values() if header.architecture), "")
    foreign = [
        name for name, header in headers.items() if _total(header) != usual or header.architecture not in {"", named}
    ]
    if foreign:
        raise _refuse(f"{_listed(foreign)} of another model")


def _refuse_incomplete(headers: Mapping[str, Header]) -> None:
    (sets,) = group(list(headers))[:1]
    if len(group(list(headers))) > 1 or sets.missing or sets.extra:
        raise _refuse(f"missing: {_listed(sets.missing) or 'none'}; not of this set: {_listed(sets.extra) or 'some'}")
    total = next(map(_total, headers.values()))
    found = sum(header.tensors for header in headers.values())
    if isinstance(total, int) and found != total:
        raise _refuse(f"together they have {found} of {total} tensors")


def join(headers: Mapping[str, Header]) -> Header:
    """Return what the parts say together; `headers` are by file name, in the order of the parts.

    Raises:
        FormatInvalid: a part is missing, there twice, in another's place, or of another model; names the parts.
    """
    first = next(iter(headers.values()))
    if len(headers) == 1 and first.shard in {None, (0, 1)}:
        return first
    _refuse_misplaced(headers)
    _refuse_foreign(headers)
    _refuse_incomplete(headers)
    parameters = sum(header.parameters or 0 for header in headers.values())
    size = sum(header.tensor_bytes for header in headers.values())
    return msgspec.structs.replace(
        first,
        parameters=parameters,
        tensors=sum(header.tensors for header in headers.values()),
        tensor_bytes=size,
        bits_per_weight=round(size * 8 / parameters, 3) if parameters else None,
        expected_size=sum(header.expected_size or 0 for header in headers.values()),
        shard=None,
        warnings=tuple(dict.fromkeys(text for header in headers.values() for text in header.warnings)),
    )
