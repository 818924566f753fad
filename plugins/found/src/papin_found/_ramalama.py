"""RamaLama: a store for each repository, with tags that name files of a snapshot and say what they are."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from papin.inventories import ProviderModel
from papin_found._sets import models_of
from papin_found._walk import File, Walker

__all__ = ["find_ramalama"]

_DEEPEST = 8
_SNAPSHOT = re.compile(r"(?:[a-z0-9]+[:-])?[0-9a-zA-Z]{1,128}")
_SUFFIXES = (".gguf", ".safetensors", ".bin", ".json", ".txt", ".jinja", ".model")


class _Named(msgspec.Struct):
    name: str
    type: str = ""


class _Ref(msgspec.Struct):
    hash: str
    files: list[_Named] = []


def find_ramalama(walker: Walker, root: str) -> list[ProviderModel]:
    """`store/<transport>/<path>/{blobs,refs/<tag>.json,snapshots/<hash>/<file>}`."""
    found: list[ProviderModel] = []
    pending = [(f"{root}/store", "")]
    while pending:
        folder, name = pending.pop()
        inner = walker.folders(folder)
        if "refs" in inner:
            found += _repository(walker, folder, name)
        elif name.count("/") < _DEEPEST:
            pending += [(path, f"{name}/{each}".lstrip("/")) for each, path in inner.items()]
    return sorted(found, key=lambda model: model.reference)


def _repository(walker: Walker, folder: str, name: str) -> list[ProviderModel]:
    transport, _, path = name.partition("/")
    slashes = ":///" if transport == "file" else "://"
    snapshots = {each: walker.files(where) for each, where in walker.folders(f"{folder}/snapshots").items()}
    found = []
    for tag, file in walker.files(f"{folder}/refs").items():
        ref = _read(walker.read(file.path))
        if not _SNAPSHOT.fullmatch(ref.hash):
            continue
        files = snapshots.get(ref.hash, {}) | snapshots.get(ref.hash.replace(":", "-"), {})
        made = models_of(_named(files, ref), lambda build: build.variant)
        reference = f"{transport}{slashes}{path}:{tag.removesuffix('.json')}"
        for model in made:
            called = reference if len(made) == 1 else f"{reference}:{model.reference}"
            found.append(msgspec.structs.replace(model, reference=called, digest=ref.hash))
    return found


def _named(files: Mapping[str, File], ref: _Ref) -> dict[str, File]:
    """Return the files of a tag, with names that tell what they are: those from Ollama's registry have no suffix."""
    kinds = {each.name: each.type for each in ref.files}
    named: dict[str, File] = {}
    for name, file in files.items():
        kind = kinds.get(name)
        if kind is None and kinds:
            continue
        plain = name if name.lower().endswith(_SUFFIXES) or kind not in {"gguf", "model", "mmproj"} else f"{name}.gguf"
        plain = plain if kind != "mmproj" or "mmproj" in plain.lower() else f"mmproj-{plain}"
        named[plain] = file._replace(name=plain)
    return named


def _read(text: bytes) -> _Ref:
    """Return what a tag says: JSON, or as it was before, lines of `name---kind` after the hash."""
    try:
        return msgspec.json.decode(text, type=_Ref)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        first, *rest = text.decode(errors="replace").splitlines() or [""]
        parts = [line.strip().partition("---") for line in rest if line.strip()]
        return _Ref(hash=first.strip(), files=[_Named(name=name, type=kind) for name, _, kind in parts])
