"""How each program keeps its models: one function for each, from its folder to a list."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from papin.inventories import ProviderModel
from papin.repositories import Build
from papin_found._sets import models_of
from papin_found._walk import File, Walker

__all__ = [
    "Finder",
    "find_flat",
    "find_huggingface",
    "find_llamacpp",
    "find_lmstudio",
]

Finder = Callable[[Walker, str], list[ProviderModel]]
"""Told the folder, which is there; returns the models in it."""

_COMMIT = re.compile(r"[0-9a-f]{7,64}")


def find_lmstudio(walker: Walker, root: str) -> list[ProviderModel]:
    """`<publisher>/<repo>/<file>`, exactly so deep."""
    found = []
    for publisher, folder in walker.folders(root).items():
        for repository, path in walker.folders(folder).items():
            found += models_of(walker.files(path), partial(_by_file, f"{publisher}/{repository}"))
    return found


def _by_file(repository: str, build: Build) -> str:
    """Name a model as LM Studio does: by its file, or by its folder when it is all of that."""
    return f"{repository}/{build.weights[0]}" if build.format in {"gguf", "ggml"} else repository


def _by_weights(build: Build) -> str:
    return build.weights[0]


def find_flat(walker: Walker, root: str) -> list[ProviderModel]:
    """All in one folder, each file a model of its own, as GPT4All has it."""
    return models_of(_gguf(walker.files(root)), _by_weights, belongs=lambda _, __: False)


def _gguf(files: Mapping[str, File]) -> dict[str, File]:
    return {name: file for name, file in files.items() if name.lower().endswith(".gguf")}


def find_llamacpp(walker: Walker, root: str) -> list[ProviderModel]:
    """`<user>_<repo>_<file>` in one folder, and what newer builds put there as Hugging Face does."""
    folders, files = walker.look(root)
    return models_of(_gguf(files), _by_weights, belongs=_begins_alike) + _repositories(walker, folders)


def _begins_alike(mmproj: str, weights: str) -> bool:
    """Tell whether two files are of one repository: they begin alike, up to where their own names begin."""
    common = mmproj[: mmproj.lower().index("mmproj")]
    return bool(common) and weights.startswith(common)


def find_huggingface(walker: Walker, root: str) -> list[ProviderModel]:
    """`models--<org>--<repo>/{blobs,refs,snapshots/<commit>}`, as `docs/hub/local-cache.md` has it.

    The payloads may lie in a store that all repositories share (`blobs/` beside them), which is no repository; a
    repository without any payload is a ghost.
    """
    return _repositories(walker, walker.folders(root))


def _repositories(walker: Walker, folders: Mapping[str, str]) -> list[ProviderModel]:
    found = []
    for called, folder in folders.items():
        kind, _, name = called.partition("--")
        if kind == "models" and name:
            # Only the first "--" is the slash: a name may hold more of them.
            found += _repository(walker, folder, name.replace("--", "/", 1))
    return found


def _repository(walker: Walker, folder: str, name: str) -> list[ProviderModel]:
    current = _current(walker, f"{folder}/refs")
    snapshots = {each: path for each, path in walker.folders(f"{folder}/snapshots").items() if _COMMIT.fullmatch(each)}
    found: list[ProviderModel] = []
    seen: set[tuple[int, int]] = set()
    for commit in sorted(snapshots, key=lambda each: current.index(each) if each in current else len(current)):
        files = {path: file for path, file in walker.tree(snapshots[commit]) if file.inode not in seen}
        seen |= {file.inode for file in files.values()}
        taken = {each.reference for each in found}
        for model in models_of(files, lambda build: f"{name}:{build.variant}"):
            reference = model.reference if model.reference not in taken else f"{model.reference}@{commit[:8]}"
            found.append(msgspec.structs.replace(model, reference=reference, digest=commit))
    return found


def _current(walker: Walker, refs: str) -> list[str]:
    """Return the commits that a repository's names stand for, the main one first.

    A name that is moved to a new commit comes with a new snapshot, so the files themselves need no stamps.
    """
    names = sorted(walker.files(refs), key=lambda name: (name != "main", name))
    return [walker.read(f"{refs}/{name}", mark=False).decode(errors="replace").strip() for name in names]
