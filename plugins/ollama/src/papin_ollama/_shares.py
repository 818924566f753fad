"""What sharing does to Ollama's folder, and the notes by which it is taken back. Everything here blocks."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from papin import names
from papin.errors import StorageFailed
from papin.links import is_same_file, link, write
from papin.models import How
from papin_ollama._names import Name
from papin_ollama._places import Place
from papin_ollama._recipe import Recipe, digest
from papin_ollama._store import Entry, Store, blob_path, manifest_path, read_store

__all__ = ["Notes", "Share", "has_weights", "link_blobs", "plan", "take_back", "write_manifest"]

_MODE = 0o644


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A model that papin shared, by the `digests` of its large files (hex).

    `folder` is empty for a copy that was sent. `kept` are those that were blobs of Ollama before. `is_ours` is False
    where Ollama had the very model already.
    """

    reference: str
    folder: str
    digests: tuple[str, ...]
    how: How = "copy"
    kept: tuple[str, ...] = ()
    is_ours: bool = True


class Notes:
    """The shares that papin made, one small file for each."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "shares"

    def _file(self, name: Name) -> Path:
        return names.place(self._folder, f"{hashlib.sha256('/'.join(name.folded).encode()).hexdigest()}.json")

    def find(self, name: Name) -> Share | None:
        """Return the share of that name."""
        try:
            return msgspec.json.decode(self._file(name).read_bytes(), type=Share)
        except (OSError, msgspec.DecodeError):
            return None

    def add(self, name: Name, share: Share) -> None:
        """Remember a share."""
        self._folder.mkdir(exist_ok=True)
        write(self._file(name), msgspec.json.encode(share), replace=True)

    def forget(self, name: Name) -> None:
        """Forget it."""
        self._file(name).unlink(missing_ok=True)


def plan(place: Place, name: Name, recipe: Recipe, paths: dict[str, Path], entry: Entry | None) -> Share:
    """Return what sharing would do: `entry` is the model that Ollama has by that name."""
    theirs = {digest for digest in recipe.digests if _is_theirs(blob_path(place, digest), paths[digest])}
    return Share(
        reference=str(name),
        folder=str(place.path),
        digests=recipe.digests,
        how=_way(blob_path(place, recipe.weights), paths[recipe.weights]),
        kept=tuple(sorted(theirs)),
        is_ours=entry is None,
    )


def _is_theirs(target: Path, source: Path) -> bool:
    return target.exists() and not is_same_file(source, target)


def _way(target: Path, source: Path) -> How:
    if target.is_symlink():
        return "symlink"
    return "hardlink" if is_same_file(source, target) else "copy"


def link_blobs(place: Place, recipe: Recipe, paths: dict[str, Path], *, copy: bool, check: Callable[[], None]) -> How:
    """Make the large files blobs of Ollama; return how the weights were.

    Raises:
        StorageFailed: no way of linking works here, or Ollama's own blob of that name is damaged.
    """
    place.blobs.mkdir(exist_ok=True)
    how: How = "copy"
    for _, file in recipe.large:
        target, source = blob_path(place, file.sha256), paths[file.sha256]
        is_there = _is_there(target, source, file.size)
        way = _way(target, source) if is_there else link(source, target, allow_copy=copy, mode=_MODE, check=check)
        how = way if file.sha256 == recipe.weights else how
        # When it starts, Ollama removes old blobs that no model has, and the model comes a moment later. A symlink has
        # a time of its own; what it leads to keeps its time.
        with contextlib.suppress(OSError):
            os.utime(target, follow_symlinks=False)
    return how


def _is_there(target: Path, source: Path, size: int) -> bool:
    try:
        status = target.stat()
    except FileNotFoundError:
        target.unlink(missing_ok=True)  # a link to what is not there any more
        return False
    if status.st_size != size and not is_same_file(source, target):
        raise StorageFailed(
            f"Ollama's own file {target} is damaged: it has {status.st_size} bytes instead of {size}",
            next_step="Remove the model that it belongs to from Ollama, and share again.",
        )
    return True


def write_manifest(place: Place, name: Name, recipe: Recipe) -> None:
    """Make the small blobs and the manifest. Raises `Conflict` when there is one of that name."""
    for data in (*(data for _, data in recipe.small), recipe.config):
        target = blob_path(place, digest(data))
        if not target.exists() or target.stat().st_size != len(data):
            write(target, data, replace=True, mode=_MODE)
    target = manifest_path(place, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Written beside its place it would be taken for a model.
    write(target, recipe.manifest(), mode=_MODE, aside=place.path)


def has_weights(entry: Entry | None, digests: tuple[str, ...]) -> bool:
    """Tell whether a model of Ollama consists of the files with these digests."""
    large = {each.sha256 for each in entry.layers if each.kind in {"model", "projector", "adapter"}} if entry else set()
    return large == {*digests}


def take_back(place: Place, name: Name, share: Share, *, whatever: bool = False) -> None:
    """Remove a share: the name, unless it is another model's by now, and the blobs that no other model has.

    `whatever` removes the name even so: nobody but the share that failed has made it.
    """
    store = read_store(place)
    entry = store.find(name)
    digests = {*share.digests}
    if entry and (whatever or has_weights(entry, share.digests)):
        digests |= _digests(entry)
        _remove_name(place, manifest_path(place, entry.name))
        store = read_store(place)
    for each in digests - {*share.kept} - _used(store):
        blob_path(place, each).unlink(missing_ok=True)


def _digests(entry: Entry) -> set[str]:
    return {layer.sha256 for layer in entry.layers if layer.sha256}


def _used(store: Store) -> set[str]:
    return {digest for entry in store.entries for digest in _digests(entry)}


def _remove_name(place: Place, path: Path) -> None:
    path.unlink(missing_ok=True)
    for folder in path.parents:
        if folder == place.manifests or any(folder.iterdir()):
            return
        folder.rmdir()
