"""Reading the folder of models of an Ollama: manifests by name, blobs by digest. Blocks; nothing is changed.

Everything in it may be damaged or made to do harm: sizes are bounded, digests are checked before they become paths, and
only regular files are opened.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from papin import names
from papin.errors import NameInvalid
from papin.inventories import Stamp, stamped
from papin_ollama._layers import CONFIG_KIND, Config, Layer, Manifest, hex_of
from papin_ollama._names import Name, name_of_parts
from papin_ollama._places import Place

__all__ = ["Blob", "Entry", "Store", "blob_path", "manifest_path", "read_store"]

T = TypeVar("T")
_BLOB = re.compile(r"sha256-([0-9a-f]{64})")
_LEVELS = 4
_MOST_ENTRIES = 100_000
_MOST_BYTES = 4 << 20
_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

_manifest = msgspec.json.Decoder(Manifest)
_config = msgspec.json.Decoder(Config)


class Blob(msgspec.Struct, frozen=True, gc=False):
    """A layer of a model: its kind, its digest (hex; empty where the manifest names none), and its size."""

    kind: str
    sha256: str
    size: int


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A model by its manifest; `digest` is the SHA-256 of that. A `problem` says why it cannot be used."""

    name: Name
    digest: str = ""
    modified_ns: int = 0
    layers: tuple[Blob, ...] = ()
    config: Config = Config()
    problem: str = ""


class Store(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a folder of models: `blobs` are sizes by digest, `others` the files between them that are none."""

    place: Place
    entries: tuple[Entry, ...] = ()
    blobs: dict[str, int] = {}
    others: dict[str, int] = {}
    stamps: tuple[Stamp, ...] = ()

    def find(self, name: Name) -> Entry | None:
        """Return the model of that name, compared as Ollama does."""
        return next((each for each in self.entries if each.name.folded == name.folded), None)

    def users(self, digest: str) -> list[Entry]:
        """Return the models with that blob (hex)."""
        return [each for each in self.entries if any(layer.sha256 == digest for layer in each.layers)]


def blob_path(place: Place, digest: str) -> Path:
    """Return the path of a blob (hex). Raises `NameInvalid` for what is no digest."""
    return names.place(place.blobs, f"sha256-{names.check(digest, 'digest')}")


def manifest_path(place: Place, name: Name) -> Path:
    """Return the path of a manifest. Raises `NameInvalid` for a name that papin does not make files of."""
    return names.place(place.manifests, *name.parts)


def read_store(place: Place) -> Store:
    """Return what is in `place`; a model that cannot be read is told with its problem.

    Raises:
        OSError: the folder itself cannot be read.
    """
    reader = _Reader(place)
    return reader.read()


class _Reader:
    def __init__(self, place: Place) -> None:
        self._place = place
        self._stamps: list[Stamp] = []
        self._blobs: dict[str, int] = {}
        self._others: dict[str, int] = {}
        self._configs: dict[str, Config | None] = {}

    def read(self) -> Store:
        self._read_blobs()
        entries = tuple(self._entry(path, parts) for path, parts in self._files(str(self._place.manifests), ()))
        return Store(
            place=self._place,
            entries=tuple(sorted(entries, key=lambda each: each.name.folded)),
            blobs=self._blobs,
            others=self._others,
            stamps=tuple(self._stamps),
        )

    def _scan(self, folder: str) -> list[os.DirEntry[str]]:
        """Return what is in a folder, by name, after taking its stamp; nothing where it is not there."""
        try:
            self._stamps.append(stamped(folder, os.stat(folder).st_mtime_ns))  # noqa: PTH116  # thousands of them
            with os.scandir(folder) as found:
                return sorted(found, key=lambda each: each.name)
        except FileNotFoundError:
            self._stamps.append(stamped(folder, None))
            return []

    def _read_blobs(self) -> None:
        for each in self._scan(str(self._place.blobs)):
            try:
                size = each.stat().st_size
            except OSError:  # a link to what is not there, or gone meanwhile
                continue
            blob = _BLOB.fullmatch(each.name)
            if blob:
                self._blobs[blob[1]] = size
            else:
                self._others[each.name] = size

    def _files(self, folder: str, parts: tuple[str, ...]) -> Iterator[tuple[str, Name]]:
        """Yield the manifests: the files exactly four folders deep whose names are a name."""
        for each in self._scan(folder):
            here = (*parts, each.name)
            if len(here) < _LEVELS and each.is_dir():
                yield from self._files(each.path, here)
            elif len(here) == _LEVELS and len(self._stamps) < _MOST_ENTRIES and not each.is_dir():
                name = name_of_parts(*here)
                if name is not None:
                    yield each.path, name

    def _entry(self, path: str, name: Name) -> Entry:
        try:
            data, modified = _read(path)
        except OSError as error:
            return Entry(name=name, problem=f"its manifest cannot be read: {error.strerror}")
        # Ollama writes over a manifest in place, which its folder's time does not tell.
        self._stamps.append(stamped(path, modified))
        try:
            manifest = _manifest.decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return Entry(name=name, modified_ns=modified, problem="its manifest is damaged")
        layers = tuple(_blob(layer) for layer in manifest.all)
        config = self._config(layers[-1]) if layers and layers[-1].kind == CONFIG_KIND else Config()
        return Entry(
            name=name,
            digest=hashlib.sha256(data).hexdigest(),
            modified_ns=modified,
            layers=layers,
            config=config or Config(),
            problem=self._problem(layers) or ("" if config else "its config is damaged"),
        )

    def _config(self, layer: Blob) -> Config | None:
        """Return the config, or None where it cannot be read."""
        if layer.sha256 not in self._configs:
            self._configs[layer.sha256] = self._read_config(layer.sha256)
        return self._configs[layer.sha256]

    def _read_config(self, sha256: str) -> Config | None:
        try:
            return _config.decode(_read(f"{self._place.blobs}/sha256-{sha256}")[0]) if sha256 else None
        except (OSError, msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return None

    def _problem(self, layers: tuple[Blob, ...]) -> str:
        for layer in layers:
            size = self._blobs.get(layer.sha256)
            if not layer.sha256:
                return f"its manifest names something that is no digest for its {layer.kind or 'files'}"
            if size is None:
                return f"the file of its {layer.kind or 'layer'} is missing"
            if size != layer.size:
                return f"the file of its {layer.kind or 'layer'} has {size} bytes instead of {layer.size}"
        return ""


def _blob(layer: Layer) -> Blob:
    try:
        return Blob(layer.kind, hex_of(layer.digest), layer.size)
    except NameInvalid:
        return Blob(layer.kind, "", layer.size)


def _read(path: str) -> tuple[bytes, int]:
    """Return the bytes of a small regular file and when it was changed. Raises `OSError`."""
    handle = os.open(path, _OPEN)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
            raise OSError(0, "it is no small file")
        return os.read(handle, status.st_size), status.st_mtime_ns
    finally:
        os.close(handle)
