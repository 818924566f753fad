from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

GROUP = "papin"


class EntryPoint(NamedTuple):
    """An entry point of the group `papin`: its name, the module that it names, and the distribution it is from."""

    name: str
    value: str
    distribution: str
    version: str


def entry_points(path: Sequence[str] | None = None) -> list[EntryPoint]:
    """Return all entry points of the group `papin` in the folders of `path`, sorted; `sys.path` for None.

    It reads `*.dist-info/entry_points.txt` itself: `importlib.metadata` finds the same, but its import alone costs
    more than everything else that a small command does. Of a distribution that is there twice, the first counts.
    """
    found: list[EntryPoint] = []
    seen: set[str] = set()
    for folder in dict.fromkeys(sys.path if path is None else path):
        for info in _infos(folder or "."):
            distribution, version = _identity(info)
            if distribution not in seen:
                seen.add(distribution)
                told = _section(f"{folder or '.'}/{info}/entry_points.txt")
                found += [EntryPoint(name, value, distribution, version) for name, value in told]
    return sorted(found)


def _infos(folder: str) -> list[str]:
    """Return the names of the folders that tell of a distribution. Not as a `Path`: there are hundreds of them."""
    try:
        return sorted(name for name in os.listdir(folder) if name.endswith((".dist-info", ".egg-info")))  # noqa: PTH208
    except OSError:
        return []


def _identity(info: str) -> tuple[str, str]:
    """Return the distribution's normalised name and its version, which the folder's name tells."""
    name, _, version = info.rpartition(".")[0].partition("-")
    return name.lower().replace("_", "-").replace(".", "-"), version.partition("-py")[0]


def _section(file: str) -> Iterator[tuple[str, str]]:
    """Yield (name, value) of each line in the section `[papin]`."""
    try:
        with open(file, encoding="utf-8") as told:  # noqa: PTH123  as above
            text = told.read()
    except (OSError, UnicodeDecodeError):
        return
    if f"[{GROUP}]" not in text:
        return
    inside = False
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith("["):
            inside = bare == f"[{GROUP}]"
        elif inside and "=" in bare and not bare.startswith(("#", ";")):
            name, _, value = bare.partition("=")
            yield name.strip(), value.partition("[")[0].strip()
