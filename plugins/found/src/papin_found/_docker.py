"""Docker Model Runner: an index of tags, OCI manifests, and payloads by their digest."""

from __future__ import annotations

import re

import msgspec

from papin.inventories import ProviderFile, ProviderModel
from papin.models import FileRole
from papin_found._walk import Walker

__all__ = ["find_docker"]

_DIGEST = re.compile(r"sha256:(?P<hex>[0-9a-f]{64})")
_TYPE = "application/vnd.docker.ai."
# The part of a layer's media type that tells what it is.
_ROLES: dict[str, FileRole] = {"gguf": "weights", "safetensors": "weights", "mmproj": "mmproj", "license": "sidecar"}
_MOST = 10_000
_GGUF = ".gguf"


class _Entry(msgspec.Struct):
    id: str
    tags: list[str] | None = None
    files: list[str] | None = None


class _Index(msgspec.Struct):
    models: list[_Entry] | None = None


class _Layer(msgspec.Struct):
    media_type: str = msgspec.field(name="mediaType", default="")
    digest: str = ""
    size: int = 0


class _Manifest(msgspec.Struct):
    layers: list[_Layer] = []


def find_docker(walker: Walker, root: str) -> list[ProviderModel]:
    """`layout.json` (which marks it as a store), `models.json`, `manifests/sha256/<hex>`, `blobs/sha256/<hex>`."""
    if not walker.read(f"{root}/layout.json"):
        return []
    try:
        index = msgspec.json.decode(walker.read(f"{root}/models.json"), type=_Index)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return []
    found = []
    for entry in (index.models or [])[:_MOST]:
        names = [tag for tag in entry.tags or [] if tag and tag.isprintable()] or [entry.id]
        if _DIGEST.fullmatch(entry.id):
            found += [_model(walker, root, entry.id, name) for name in names]
    return found


def _model(walker: Walker, root: str, digest: str, name: str) -> ProviderModel:
    layers = _layers(walker.read(_blob(root, "manifests", digest)))
    files, missing = [], []
    parts = sum(suffix == _GGUF for _, _, suffix in layers)
    for number, (layer, role, suffix) in enumerate(layers, 1):
        held = walker.file(_blob(root, "blobs", layer.digest))
        if held is None or held.size != layer.size:
            missing.append(layer.digest)
            continue
        plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", name.rpartition("/")[2]).strip("-.")
        # Parts of a split model are layers in their order, and each a file by its digest.
        part = f"-{number:05d}-of-{parts:05d}" if suffix == _GGUF and parts > 1 else ""
        shown = f"{plain or 'model'}{part}{suffix}"
        files.append(
            ProviderFile(name=shown, size=held.size, path=held.path, sha256=layer.digest.partition(":")[2], role=role)
        )
    is_whole = any(file.role == "weights" for file in files) and not missing
    return ProviderModel(
        reference=name,
        files=tuple(files),
        size=sum(file.size for file in files),
        digest=digest,
        format="safetensors" if any(".safetensors" in layer.media_type for layer, _, _ in layers) else "gguf",
        state="ready" if is_whole else "damaged",
        problem="" if is_whole else "a payload that its manifest names is not there, or not whole",
    )


def _layers(manifest: bytes) -> list[tuple[_Layer, FileRole, str]]:
    """Return the layers of a model with their roles and what their names end with."""
    try:
        layers = msgspec.json.decode(manifest, type=_Manifest).layers
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return []
    found: list[tuple[_Layer, FileRole, str]] = []
    for layer in layers[:_MOST]:
        kind = layer.media_type.removeprefix(_TYPE).partition(".")[0]
        if kind in _ROLES and layer.media_type.startswith(_TYPE) and _DIGEST.fullmatch(layer.digest):
            suffix = {"gguf": _GGUF, "mmproj": "-mmproj.gguf", "license": ".license.txt"}.get(kind, f".{kind}")
            found.append((layer, _ROLES[kind], suffix))
    return found


def _blob(root: str, kind: str, digest: str) -> str:
    return f"{root}/{kind}/sha256/{digest.removeprefix('sha256:')}"
