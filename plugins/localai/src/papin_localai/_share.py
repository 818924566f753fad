"""A model of papin in LocalAI's folder: links to its files and a configuration beside them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from papin import names
from papin.errors import Conflict, FormatInvalid, StorageFailed
from papin.links import link
from papin.models import How, Model
from papin_localai._configs import CAPABILITIES
from papin_localai._folder import read_config

__all__ = ["config_for", "place", "take_back"]

_MARK = "made by papin"
_BACKENDS = {"gguf": "llama-cpp", "ggml": "llama-cpp"}


def config_for(model: Model, name: str, paths: Sequence[str]) -> dict[str, Any]:
    """Return the configuration that runs `model` from `paths`, which are relative to the folder of the models. Pure.

    The model's own chat template is used, as it stands in its file.
    """
    roles = dict(zip(paths, (file.role for file in model.files), strict=True))
    weights = next(path for path, role in roles.items() if role == "weights")
    cases = [case for case, words in CAPABILITIES.items() if set(words) & set(model.capabilities)]
    config: dict[str, Any] = {
        "name": name,
        "description": f"{model.id}, {_MARK}: papin models unshare {model.id} --from localai",
        "parameters": {"model": weights},
        "known_usecases": cases or ["chat"],
    }
    if backend := _BACKENDS.get(model.format):
        config |= {
            "backend": backend,
            "options": ["use_jinja:true"],
            "template": {"use_tokenizer_template": True},
        }
    if mmproj := next((path for path, role in roles.items() if role == "mmproj"), ""):
        config["mmproj"] = mmproj
    return config


def place(root: Path, model: Model, name: str, files: Sequence[Path], *, copy: bool) -> How:
    """Link the files into the folder and write the configuration, in this order; return how they got there. Blocks.

    Raises:
        Conflict: LocalAI has another model of that name.
        StorageFailed: the folder cannot be written; what was begun is taken back.
    """
    config = names.place(root, f"{name}.yaml")
    folder = names.place(root, "papin", name)
    if config.exists() and not _is_ours(config):
        raise Conflict(f"LocalAI has a model called {name} already", next_step="Give it another name: --name NAME.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        hows = [
            link(path, names.place(folder, file.name), allow_copy=copy)
            for file, path in zip(model.files, files, strict=True)
        ]
        relative = [f"papin/{name}/{file.name}" for file in model.files]
        _write(config, msgspec.json.format(msgspec.json.encode(config_for(model, name, relative)), indent=2))
    except OSError as error:
        take_back(root, name)
        raise StorageFailed(
            f"the folder of LocalAI's models, {root}, cannot be written: {error.strerror}",
            next_step="Let your user write there, or share it from the account that LocalAI runs as.",
        ) from error
    except BaseException:
        take_back(root, name)
        raise
    return max(hows, key=("reflink", "hardlink", "symlink", "copy").index)


def take_back(root: Path, name: str) -> None:
    """Remove what `place` made, and nothing else. Blocks.

    Raises:
        StorageFailed: the folder cannot be written.
    """
    config = names.place(root, f"{name}.yaml")
    folder = names.place(root, "papin", name)
    try:
        if config.exists() and _is_ours(config):
            config.unlink()
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            path.unlink()
        for each in (folder, folder.parent):
            with contextlib.suppress(OSError):  # somebody else's files are in it
                each.rmdir()
    except OSError as error:
        raise StorageFailed(
            f"what papin made in {root} cannot be removed: {error.strerror}", next_step="Remove it by hand."
        ) from error


def _is_ours(config: Path) -> bool:
    try:
        return _MARK in str(read_config(config).get("description", ""))
    except (OSError, FormatInvalid):
        return False


def _write(path: Path, text: bytes) -> None:
    """Write a configuration as a whole or not at all. JSON is YAML, and quotes everything."""
    fresh = path.with_name(f".{path.name}.papin")
    fresh.write_bytes(text)
    fresh.replace(path)
