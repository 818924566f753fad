"""What the store knows of models: a sidecar each, and readable links to their payloads."""

from __future__ import annotations

import logging
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from papin.errors import NameInvalid, NotFound, StorageFailed
from papin.models import Model, StoredFile
from papin.names import place
from papin_store._count import read_small
from papin_store._durable import make_folder, replace, sync_folder
from papin_store._layout import Layout
from papin_store._payloads import size_of

LARGEST = 1 << 20
_LOG = logging.getLogger(__name__)


def remember(layout: Layout, model: Model) -> None:
    """Write links and sidecar of `model`, durably; links that it no longer has are removed."""
    folder = layout.links(model.id)
    _check_names(layout, model)
    make_folder(folder)
    for file in model.files:
        _link(layout, model, file)
    _remove_links(folder, {file.name for file in model.files})
    sync_folder(folder)
    replace(layout.sidecar(model.id), msgspec.json.encode(model))


def _check_names(layout: Layout, model: Model) -> None:
    """Refuse a model before anything is made for it. Raises `NameInvalid`."""
    for file in model.files:
        layout.blob(file.sha256)
        layout.link(model.id, file.name)


def forget(layout: Layout, model: str) -> None:
    """Remove the sidecar of the model with that id, then its links."""
    layout.sidecar(model).unlink(missing_ok=True)
    sync_folder(layout.models)
    folder = layout.links(model)
    if not folder.is_dir():
        return
    _remove_links(folder, set())
    try:
        folder.rmdir()
    except OSError:
        _LOG.info("%s is kept: it has files that papin did not put there", folder)
        return
    sync_folder(layout.by_name)


def _target(layout: Layout, file: StoredFile) -> str:
    return f"../../{layout.blob(file.sha256).relative_to(layout.root)}"


def _is_linked(link: Path, target: str, blob: Path) -> bool:
    try:
        status = link.lstat()
        if stat.S_ISLNK(status.st_mode):
            return link.readlink() == Path(target)
        return os.path.samestat(status, blob.lstat())
    except FileNotFoundError:
        return False


def _link(layout: Layout, model: Model, file: StoredFile) -> Path:
    link = layout.link(model.id, file.name)
    target = _target(layout, file)
    blob = layout.blob(file.sha256)
    if _is_linked(link, target, blob):
        return link
    aside = place(link.parent, f"new-{secrets.token_hex(8)}.tmp")
    try:
        aside.symlink_to(target)
    except OSError:
        aside.hardlink_to(blob)  # a file system without symbolic links
    aside.rename(link)
    aside.unlink(missing_ok=True)  # renaming a hard link onto another name of the same file leaves both
    return link


def _remove_links(folder: Path, keep: set[str]) -> None:
    for link in folder.iterdir():
        if link.name in keep:
            continue
        if link.is_symlink() or (link.is_file() and link.stat().st_nlink > 1):
            link.unlink()


def paths(layout: Layout, model: Model) -> tuple[Path, ...]:
    """Return the readable path of each file of `model`; links that are missing are made again."""
    _check_names(layout, model)
    for file in model.files:
        if size_of(layout.blob(file.sha256)) is None:
            raise NotFound(
                f"{file.name} of the model {model.id} is missing from {layout.root}",
                next_step=f"papin models verify {model.id} tells more; papin models repair {model.id} brings it back.",
            )
    make_folder(layout.links(model.id))
    return tuple(_link(layout, model, file) for file in model.files)


def remembered(layout: Layout) -> tuple[Model, ...]:
    """Return the models of all sidecars that can be read, by id; the others are logged."""
    return tuple(_read(layout))


def _read(layout: Layout) -> Iterator[Model]:
    for path in sorted(layout.models.glob("*.json")):
        try:
            model = msgspec.json.decode(_read_sidecar(layout, path.stem), type=Model)
        except (msgspec.DecodeError, NameInvalid, StorageFailed) as error:
            _LOG.warning("the sidecar %s of %s is passed over: %s", ascii(path.name), layout.models, error)
            continue
        if model.id == path.stem:
            yield model
        else:
            _LOG.warning("the sidecar %s of %s is passed over: it is of another model", ascii(path.name), layout.models)


def _read_sidecar(layout: Layout, model: str) -> bytes:
    data = read_small(layout.sidecar(model), LARGEST + 1)
    if len(data) > LARGEST:
        raise StorageFailed(f"it is longer than {LARGEST} bytes", next_step="papin writes none of that length.")
    return data
