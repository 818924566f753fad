"""The files of PyTorch itself (`torch.save`): a ZIP archive with a pickle in it, or pickles with the data behind them.

torch/serialization.py: an archive has `NAME/data.pkl` and the storages of the tensors as `NAME/data/KEY`; the old form
has five pickles (a magic number, a version, facts of the machine, the object, the keys of the storages), then of each
storage its number of elements in eight bytes, and its data. A pickle is walked and never loaded; see `_pickle`.
"""

from __future__ import annotations

from collections import Counter

from papin.formats import Reading, Span
from papin.models import Header
from papin_torch._pickle import STORAGES, Pickle, walk
from papin_torch._zip import Member, content, members, refuse

__all__ = ["read"]

_ZIP = b"PK\x03\x04"
_OLD = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")  # the magic number as its own pickle
_OLD_PICKLES = 5
_FIRST = 64 << 10
_MOST = 8 << 20
_COUNT = 8


def read(size: int) -> Reading:
    """Read the head of a file of `size` bytes; see `papin.formats`."""
    if not size:
        raise refuse("it is empty")
    head = yield Span(0, min(size, len(_OLD)))
    if head.startswith(_ZIP):
        return (yield from _archive(size))
    if len(head) == len(_OLD) or head[:1] == b"\x80":
        return (yield from _pickles(size, _OLD_PICKLES if head == _OLD else 1))
    raise refuse("it is neither an archive nor a pickle")


def _archive(size: int) -> Reading:
    there = yield from members(size)
    folder, pickle = _pickle_of(there)
    if pickle.size > _MOST:
        raise refuse(f"its pickle of {pickle.size} bytes is larger than papin reads ({_MOST})")
    found = walk((yield from content(pickle, size)))
    if found is None or found.end != pickle.size:
        raise refuse("its pickle cannot be understood")
    if any(each.name.startswith(f"{folder}/code/") for each in there):
        found.dangers["code of its own (TorchScript)"] += 1
    place = f"{folder}/data/"
    data = {each.name.removeprefix(place): each.size for each in there if each.name.startswith(place)}
    for key, (kind, count) in found.storages.items():
        if data.get(key) != count * STORAGES[kind][1]:
            raise refuse("a tensor has not the bytes that it needs; the file may be truncated")
    return _header(found, "archive", size - sum(data.values()), size)


def _pickle_of(there: list[Member]) -> tuple[str, Member]:
    found = [each for each in there if each.name.endswith("/data.pkl") and each.name.count("/") == 1]
    if len(found) != 1:
        raise refuse("it has no data.pkl, or several")
    return found[0].name.partition("/")[0], found[0]


def _pickles(size: int, count: int) -> Reading:
    """Read pickles that stand one behind another, asking for as much as they turn out to need."""
    wanted = min(size, _FIRST)
    while True:
        data = yield Span(0, wanted)
        if len(data) < wanted:
            raise refuse("it ended while it was read")
        found = _walked(data, count)
        if found is not None:
            break
        if wanted == min(size, _MOST):
            raise refuse("its pickle cannot be understood, or never ends; the file may be truncated")
        wanted = min(size, _MOST, wanted * 8)
    weights = sum(_COUNT + number * STORAGES[kind][1] for kind, number in found.storages.values()) if count > 1 else 0
    if found.end + weights > size:
        raise refuse(f"it has {size} of {found.end + weights} bytes; the file may be truncated")
    return _header(found, "pickles" if count > 1 else "pickle", found.end, found.end + weights)


def _walked(data: bytes, count: int) -> Pickle | None:
    """Return what `count` pickles in a row would do all together, or None where they do not end in `data`."""
    together = Pickle()
    for _ in range(count):
        found = walk(data, together.end)
        if found is None:
            return None
        together.end = found.end
        together.storages |= found.storages
        together.dangers += found.dangers
    return together


def _header(found: Pickle, version: str, header_bytes: int, expected: int) -> Header:
    types: Counter[str] = Counter()
    for kind, count in found.storages.values():
        types[STORAGES[kind][0]] += count
    parameters = types.total()
    size = sum(count * STORAGES[kind][1] for kind, count in found.storages.values())
    return Header(
        format="pytorch",
        version=version,
        parameters=parameters or None,
        quantization=types.most_common(1)[0][0] if types else "",
        bits_per_weight=round(size * 8 / parameters, 3) if parameters else None,
        tensors=len(found.storages),
        tensor_bytes=size,
        header_bytes=header_bytes,
        expected_size=expected,
        warnings=found.warnings,
    )
