"""The files of a server's model, as far as they lie on this machine."""

from __future__ import annotations

from pathlib import Path

from papin.filenames import read_file_name
from papin.inventories import ProviderFile
from papin.models import FileRole
from papin.repositories import builds
from papin_llamacpp._servers.wire import ListedModel

__all__ = ["seen_files"]

_MOST = 10_000


def seen_files(path: Path | None, listed: ListedModel, *, is_here: bool) -> tuple[ProviderFile, ...]:
    """Return the files of the model that begins at `path`, its further parts and its projector. Blocks.

    For a server on another machine a path means nothing, and only the name is told.
    """
    if path is None or not path.name:
        return ()
    size = (listed.meta.size if listed.meta else None) or 0
    if not is_here or not path.is_absolute() or not _is_file(path):
        return (ProviderFile(name=path.name, size=size),) if path.name.isprintable() else ()
    names = _together(path)
    return tuple(_seen(path.with_name(name), role) for name, role in names)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # in a folder that may not be looked into
        return False


def _together(path: Path) -> list[tuple[str, FileRole]]:
    alone: list[tuple[str, FileRole]] = [(path.name, "weights")]
    is_part = read_file_name(path.name).part is not None
    try:
        beside = [each.name for _, each in zip(range(_MOST), path.parent.iterdir(), strict=False)]
    except OSError:
        return alone
    for build in builds(name for name in beside if name.endswith(".gguf") and name.isprintable()):
        if path.name in build.weights:
            # A projector is found beside a model of its own folder only.
            mmproj = build.mmproj if is_part or len(build.weights) == 1 else ()
            return [(name, "weights") for name in build.weights] + [(name, "mmproj") for name in mmproj]
    return alone


def _seen(path: Path, role: FileRole) -> ProviderFile:
    try:
        return ProviderFile(name=path.name, size=path.stat().st_size, path=str(path), role=role)
    except OSError:
        return ProviderFile(name=path.name, size=0, role=role)
