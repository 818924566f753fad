"""The files of a repository, grouped into what can be installed: shards together, mmproj beside what it belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count

import msgspec

from papin import names
from papin.errors import NameInvalid
from papin.filenames import FileName, bits_of, read_file_name

__all__ = ["Build", "builds"]

# What belongs to weights that are not one self-contained file.
_SIDECARS = re.compile(r".*\.(?:json|model|txt|jinja)", re.IGNORECASE)
_ONNX_DATA = re.compile(r"(?P<weights>.*\.onnx)(?:_data(?:_\d+)?|\.data)", re.IGNORECASE)
_PIECE = re.compile(r"\.gguf[-._](?:split-[a-z]|part\d+of\d+)$", re.IGNORECASE)
_SELF_CONTAINED = {"gguf", "ggml"}


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """What can be installed: its files as paths in the repository, and the name to choose it by.

    `weights` are in the order of their parts. `is_complete` tells whether all parts are there.
    """

    variant: str
    format: str
    quantization: str
    weights: tuple[str, ...]
    mmproj: tuple[str, ...] = ()
    sidecars: tuple[str, ...] = ()
    is_complete: bool = True

    @property
    def paths(self) -> tuple[str, ...]:
        """All files."""
        return (*self.weights, *self.mmproj, *self.sidecars)


def builds(paths: Iterable[str]) -> tuple[Build, ...]:
    """Return the builds among the files of a repository, in the order of their names.

    A variant's name is its quantization where that tells it from the others, else its file's own name. Adapters,
    importance matrices and files that were cut into pieces (`.gguf.part1of2`) are no builds.
    """
    listed = sorted(set(paths))
    listed = [path for path in listed if not _PIECE.search(path)]
    read = {path: read_file_name(path) for path in listed}
    groups: dict[tuple[str, str], list[str]] = {}
    for path, name in read.items():
        if name.role == "weights":
            groups.setdefault((name.format, _key(path, name)), []).append(path)
    made = [_build(members, read, listed) for members in groups.values()]
    return tuple(_named(made))


def _key(path: str, name: FileName) -> str:
    folder = path.rpartition("/")[0]
    # One model of PyTorch, safetensors or ONNX is all files of its folder; of ONNX, in one quantization.
    if name.format in ("safetensors", "pytorch"):
        return f"{folder}/{name.quantization}"
    if name.format == "onnx":
        return f"{folder}/{name.quantization or 'F32'}"
    return f"{folder}/{name.stem}/{name.part[1] if name.part else ''}"


def _build(members: list[str], read: dict[str, FileName], listed: Sequence[str]) -> Build:
    first = read[members[0]]
    count = first.part[1] if first.part else 1
    alone = first.format in _SELF_CONTAINED
    folder = members[0].rpartition("/")[0]
    return Build(
        variant="",
        format=first.format,
        quantization=first.quantization,
        weights=tuple(members),
        mmproj=_mmproj(members[0], read) if alone else (),
        sidecars=() if alone else tuple(path for path in listed if _belongs(path, folder, members, read)),
        is_complete=first.part is None or len(members) >= count,
    )


def _belongs(path: str, folder: str, weights: Sequence[str], read: dict[str, FileName]) -> bool:
    if data := _ONNX_DATA.fullmatch(path):
        return data["weights"] in weights
    at = path.rpartition("/")[0]
    beside = at == folder or (not at and not path.endswith(".index.json"))
    return beside and read[path].role == "sidecar" and _SIDECARS.fullmatch(path) is not None


def _mmproj(weights: str, read: dict[str, FileName]) -> tuple[str, ...]:
    """Return the projector for the pictures of a model: nearest by folder, half precision before the rest."""
    folder = weights.rpartition("/")[0]

    def order(path: str) -> tuple[bool, float, str]:
        bits = bits_of(read[path].quantization) or 0.0
        return path.rpartition("/")[0] != folder, abs(bits - 16.0) + (read[path].quantization != "F16") / 2, path

    found = sorted((path for path, name in read.items() if name.role == "mmproj"), key=order)
    return tuple(found[:1])


def _named(made: Sequence[Build]) -> list[Build]:
    wanted = [each.quantization or each.format for each in made]
    named: dict[str, Build] = {}
    for build, want in zip(made, wanted, strict=True):
        tries = chain([want] if wanted.count(want) == 1 else [], [_plain(build.weights[0])], _numbered(want))
        name = next(each for each in tries if each not in named)
        named[name] = msgspec.structs.replace(build, variant=name)
    return list(named.values())


def _numbered(name: str) -> Iterator[str]:
    return (f"{name}-{number}" for number in count(1))


def _plain(path: str) -> str:
    """Return the name of a file, with its folder, by the grammar of variants; ASCII, as everything in a reference."""
    text = re.sub(r"[^A-Za-z0-9_.+-]+|\.{2,}", "-", path.rpartition("/")[0] + "-" + read_file_name(path).stem)
    plain = text.strip(".-+")[-80:].strip(".-+")
    try:
        return names.check(plain, "variant")
    except NameInvalid:  # nothing is left of it, or the name of a device
        return "model"
