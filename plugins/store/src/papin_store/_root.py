"""Finding the store's folder, and telling an empty one from a disk that is not mounted.

A store is known by its marker, `store.json`. A marker is made only in a folder that is new or empty, and a path where
papin made one before is remembered in papin's own data folder: when such a path is empty one day, its disk is not
mounted, and it is never taken as an empty store.
"""

from __future__ import annotations

import os
import secrets
import shlex
from contextlib import suppress
from pathlib import Path

import msgspec

from papin.errors import ConfigInvalid, StorageFailed
from papin.names import place
from papin_store._count import read_small
from papin_store._durable import aside, replace, sweep_asides, sync_folder
from papin_store._layout import MARKER, Layout
from papin_store._staging import tidy

VERSION = 1
_KNOWN = "known-stores.json"
_MARKER_MOST = 4096
_KNOWN_MOST = 1 << 20
_HARMLESS = frozenset({"lost+found", _KNOWN})


class Marker(msgspec.Struct, frozen=True, kw_only=True):
    """The content of `store.json`: the layout's version, and an id that tells two stores apart."""

    version: int
    id: str


def find_root(path: str, own: Path) -> Path:
    """Return the folder that the setting `path` names; `own` is papin's data folder for this plugin."""
    if not path:
        return own
    root = Path(path).expanduser()
    if not root.is_absolute() or root == Path(root.anchor):
        raise ConfigInvalid(
            f"storages.store.path is {path!r}, which is not a folder of its own",
            next_step="papin config set storages.store.path /absolute/path/of/a/folder",
        )
    return root


def open_root(root: Path, own: Path) -> Layout:
    """Return the layout of the store at `root`, which is made when the folder is new or empty.

    Raises:
        StorageFailed: its disk is not mounted, it holds something else, or a later papin made it.
        OSError: it cannot be read or written.
    """
    layout = Layout(root)
    if not layout.marker.exists():
        _make(layout, own)
    marker = _read_marker(layout)
    if marker.version != VERSION:
        raise StorageFailed(
            f"{root} was made by a later version of papin (layout {marker.version})",
            next_step="Update papin-store, or set storages.store.path to another folder.",
        )
    layout.make()
    if root != own:
        _note(own, str(root), marker.id)
    with suppress(OSError):  # a read-only disk is read all the same
        for folder in (root, layout.models, own):
            sweep_asides(folder)
        tidy(layout)
    return layout


def _known(own: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(read_small(place(own, _KNOWN), _KNOWN_MOST) or b"{}", type=dict[str, str])
    except msgspec.DecodeError:
        return {}


def _note(own: Path, root: str, store: str) -> None:
    known = _known(own)
    if known.get(root) != store:
        replace(place(own, _KNOWN), msgspec.json.encode(known | {root: store}))


def _make(layout: Layout, own: Path) -> None:
    root = layout.root
    if str(root) in _known(own):
        raise StorageFailed(
            f"the store at {root} is not there: its marker {MARKER} is missing",
            next_step=f"Mount its disk. If it is gone for good, remove {place(own, _KNOWN)} to begin anew.",
        )
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    _refuse_strangers(root)
    with aside(layout.marker, _new_marker()) as made:
        try:
            os.link(made, layout.marker)
        except FileExistsError:
            return  # another process was faster
        except OSError:
            made.rename(layout.marker)  # a file system without hard links
    sync_folder(root)


def _refuse_strangers(root: Path) -> None:
    strangers = sorted(each.name for each in root.iterdir() if each.name not in _HARMLESS and each.suffix != ".tmp")
    if not strangers:
        return
    if "blobs" in strangers and "models" in strangers:
        raise StorageFailed(
            f"the store at {root} has lost its marker {MARKER}",
            next_step=f"If its content is complete, put the marker back: {_mend(Layout(root))}",
        )
    raise StorageFailed(
        f"{root} is not a store of papin, and it is not empty: it has {strangers[0]!r}",
        next_step="Set storages.store.path to a new or empty folder.",
    )


def _read_marker(layout: Layout) -> Marker:
    try:
        return msgspec.json.decode(read_small(layout.marker, _MARKER_MOST), type=Marker)
    except msgspec.DecodeError as error:
        raise StorageFailed(
            f"the marker {layout.marker} cannot be read: {error}",
            next_step=f"If the store is complete, write it anew: {_mend(layout)}",
        ) from error


def _new_marker() -> bytes:
    return msgspec.json.encode(Marker(version=VERSION, id=secrets.token_hex(16)))


def _mend(layout: Layout) -> str:
    return f"echo '{_new_marker().decode()}' > {shlex.quote(str(layout.marker))}"
