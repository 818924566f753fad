"""The folders where Ollama may keep its models: which are there, and what this user may do in them. Blocks."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from papin.errors import ProviderFailed, StorageFailed

__all__ = ["Place", "look", "unreadable", "unwritable"]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A folder of models. `closed`: it is there or may be, and this user cannot read it."""

    path: Path
    state: Literal["absent", "closed", "read", "write"]
    owner: str = ""

    @property
    def manifests(self) -> Path:
        """Where names are."""
        return self.path / "manifests"

    @property
    def blobs(self) -> Path:
        """Where contents are."""
        return self.path / "blobs"


def look(paths: Iterable[Path]) -> tuple[Place, ...]:
    """Return what is at each of the `paths`."""
    return tuple(_look(path) for path in paths)


def _look(path: Path) -> Place:
    # Ollama removes the folder of manifests with the last of them, so that either part may be missing.
    parts = [path, path / "manifests", path / "blobs"]
    try:
        owner = _owner(path.stat().st_uid)
        there = [each for each in parts if each.exists()]
    except FileNotFoundError:
        return Place(path=path, state="absent")
    except OSError:
        return Place(path=path, state="closed", owner=_owner_above(path))
    if not all(os.access(each, os.R_OK | os.X_OK) for each in there):
        return Place(path=path, state="closed", owner=owner)
    # The folder itself is written to as well: a manifest is made there before it gets its name.
    is_writable = all(os.access(each, os.W_OK | os.X_OK) for each in there)
    return Place(path=path, state="write" if is_writable else "read", owner=owner)


def _owner_above(path: Path) -> str:
    for each in path.parents:
        try:
            return _owner(each.stat().st_uid)
        except OSError:
            continue
    return ""


def _owner(uid: int) -> str:
    try:
        import pwd  # noqa: PLC0415  # not on every system

        return pwd.getpwuid(uid).pw_name
    except (ImportError, KeyError):
        return str(uid)


def unreadable(place: Place) -> ProviderFailed:
    """Return the error for a folder of another user."""
    return ProviderFailed(
        f"The models of Ollama lie in {place.path}, which belongs to {place.owner or 'another user'} "
        "and which you may not read",
        next_step="Start Ollama, which then tells what it has; or join the group of that folder.",
    )


def unwritable(place: Place) -> StorageFailed:
    """Return the error for a folder where nothing can be put."""
    return StorageFailed(
        f"The models of Ollama lie in {place.path}, which belongs to {place.owner or 'another user'} "
        "and where you may not write",
        next_step="Let your user write there, or run Ollama as your own user with OLLAMA_MODELS in your home folder.",
    )
