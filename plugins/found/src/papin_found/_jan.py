"""Jan: a `model.yml` for each model, which names its files in Jan's folder or anywhere else."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import yaml

from papin.inventories import ProviderModel
from papin_found._sets import models_of, parts_of
from papin_found._walk import Walker

__all__ = ["find_jan"]

_ENGINES = ("llamacpp", "mlx")
_CONFIG = "model.yml"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LARGEST = 1 << 16
_MOST_BRACKETS = 100  # of which Jan writes none: the reader takes time by the square of a hostile number of them


def find_jan(walker: Walker, root: str) -> list[ProviderModel]:
    """`llamacpp/models/<name>/model.yml`, where the name has one part or two; MLX likewise."""
    found: list[ProviderModel] = []
    for engine in _ENGINES:
        for path, file in walker.tree(f"{root}/{engine}/models", 3):
            if file.name == _CONFIG:
                said = _read(walker.read(file.path))
                found += _models(walker, root, path.removesuffix(f"/{_CONFIG}"), said)
    return found


def _read(text: bytes) -> dict[str, str]:
    """Return the plain values of a small YAML file, all as text.

    The base loader makes neither objects nor numbers, and merges nothing, so nothing in a file can grow.
    """
    if text.count(b"{") + text.count(b"[") > _MOST_BRACKETS:
        return {}
    try:
        said = yaml.load(text[:_LARGEST], Loader=yaml.BaseLoader)  # noqa: S506  # it makes texts, lists and mappings only
    except (yaml.YAMLError, RecursionError, ValueError):
        return {}
    pairs = said.items() if isinstance(said, dict) else ()
    return {key: value for key, value in pairs if isinstance(key, str) and isinstance(value, str)}


def _models(walker: Walker, root: str, name: str, said: dict[str, str]) -> list[ProviderModel]:
    given = said.get("model_path", "")
    if not given.isprintable() or not given.lower().endswith(".gguf"):
        return []
    weights = Path(root, given)  # which is `given` itself where that is absolute
    paths = [weights.with_name(part) for part in parts_of(weights.name)]
    if (mmproj := said.get("mmproj_path", "")) and mmproj.isprintable():
        paths.append(Path(root, mmproj))
    files = {f"{name}/{path.name}": file for path in paths if (file := walker.file(str(path)))}
    made = models_of(files, lambda _: name)
    return [_checked(model, said) for model in made[:1]] or [_missing(name, weights)]


def _missing(name: str, weights: Path) -> ProviderModel:
    return ProviderModel(reference=name, format="gguf", state="damaged", problem=f"{weights.name} is not there")


def _checked(model: ProviderModel, said: dict[str, str]) -> ProviderModel:
    """Return a model with the digest that Jan has for it, where it is one file."""
    digest = said.get("model_sha256", "").lower()
    weights = [file for file in model.files if file.role == "weights"]
    capabilities = ("embedding",) if said.get("embedding") == "true" else ()
    model = msgspec.structs.replace(model, capabilities=capabilities)
    if len(weights) != 1 or not _SHA256.fullmatch(digest):
        return model
    known = tuple(msgspec.structs.replace(f, sha256=digest) if f.role == "weights" else f for f in model.files)
    return msgspec.structs.replace(model, files=known)
