"""Files made into models: parts together, the projector beside them, every byte counted once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from papin.filenames import read_file_name
from papin.inventories import ProviderFile, ProviderModel
from papin.models import FileRole
from papin.repositories import Build, builds
from papin_found._walk import File

__all__ = ["models_of", "parts_of", "sha256_of"]

# What llama.cpp uses beside a model and never as one: heads for drafts.
_COMPANION = re.compile(r"(?:mtp|eagle3|dflash|dspark)-.*\.gguf", re.IGNORECASE)
_PART = re.compile(r"(?P<stem>.*-)\d{5}-of-(?P<count>\d{5})\.gguf", re.IGNORECASE)
_MOST_PARTS = 1000
_LAST = 253_402_300_799
_SHA256 = re.compile(r"[0-9a-f]{64}")


def models_of(
    files: Mapping[str, File], reference: Callable[[Build], str], *, belongs: Callable[[str, str], bool] | None = None
) -> list[ProviderModel]:
    """Return the models among the files of one repository, by their paths in it.

    `reference` names one. `belongs` is told a projector and weights where the folder holds more than one repository.
    """
    wanted = [path for path, file in files.items() if file.size and not _COMPANION.fullmatch(file.name)]
    return [_model(build, files, reference(build), belongs) for build in builds(wanted)]


def _model(
    build: Build, files: Mapping[str, File], reference: str, belongs: Callable[[str, str], bool] | None
) -> ProviderModel:
    mmproj = build.mmproj
    if belongs is not None:
        mmproj = tuple(path for path in files if "mmproj" in path.lower() and belongs(path, build.weights[0]))[:1]
    parts: tuple[tuple[FileRole, Iterable[str]], ...] = (
        ("weights", build.weights),
        ("mmproj", mmproj),
        ("sidecar", build.sidecars),
    )
    roles = {path: role for role, paths in parts for path in paths}
    told = read_file_name(build.weights[0])
    return ProviderModel(
        reference=reference,
        files=tuple(_shown(files[path], role) for path, role in roles.items()),
        size=_bytes(files[path] for path in roles),
        format=build.format,
        parameters=told.parameters or read_file_name(f"{reference.partition(':')[0]}.gguf").parameters,
        quantization=build.quantization,
        modified_at=_time(max(files[path].mtime for path in build.weights)),
        state="ready" if build.is_complete else "damaged",
        problem="" if build.is_complete else "not all of its parts are here",
    )


def _time(seconds: float) -> datetime:
    # Whatever a file system says, it is a time between the epoch and the year 10000.
    return datetime.fromtimestamp(min(max(seconds, 0), _LAST), UTC)


def _shown(file: File, role: FileRole) -> ProviderFile:
    return ProviderFile(name=file.name, size=file.size, path=file.path, sha256=sha256_of(file), role=role)


def sha256_of(file: File) -> str:
    """Return the digest that the link to a file names, as caches of content do, or nothing."""
    last = file.link.rpartition("/")[2].removeprefix("sha256-")
    return last if _SHA256.fullmatch(last) else ""


def _bytes(files: Iterable[File]) -> int:
    return sum({file.inode: file.size for file in files}.values())


def parts_of(name: str) -> list[str]:
    """Return the names of all parts of the model that a file is one of; its own alone when it is whole."""
    found = _PART.fullmatch(name)
    count = int(found["count"]) if found else 0
    if not found or not 1 <= count <= _MOST_PARTS:
        return [name]
    return [f"{found['stem']}{number:05d}-of-{count:05d}.gguf" for number in range(1, count + 1)]
