"""Jan: a `model.yml` for each model, which names its files in Jan's folder or anywhere else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from papin import yaml
from papin.errors import FormatInvalid
from papin.inventories import ProviderModel
from papin_found._sets import models_of, parts_of
from papin_found._walk import Walker

__all__ = ["find_jan"]

_ENGINES = ("llamacpp", "mlx")
_CONFIG = "model.yml"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LARGEST = 1 << 18  # of which what Jan writes takes the hundredth part


def find_jan(walker: Walker, root: str) -> list[ProviderModel]:
    """`llamacpp/models/<name>/model.yml`, where the name has one part or two; MLX likewise."""
    found: list[ProviderModel] = []
    for engine in _ENGINES:
        for path, file in walker.tree(f"{root}/{engine}/models", 3):
            if file.name == _CONFIG:
                found += _models(walker, root, path.removesuffix(f"/{_CONFIG}"), file.path)
    return found


def _models(walker: Walker, root: str, name: str, config: str) -> list[ProviderModel]:
    try:
        said = yaml.load(walker.read(config), _CONFIG, largest=_LARGEST)
    except FormatInvalid as error:
        return [ProviderModel(reference=name, format="gguf", state="damaged", problem=error.message)]
    given = _text(said, "model_path")
    if not given.lower().endswith(".gguf"):
        return []
    weights = Path(root, given)  # which is `given` itself where that is absolute
    paths = [weights.with_name(part) for part in parts_of(weights.name)]
    if mmproj := _text(said, "mmproj_path"):
        paths.append(Path(root, mmproj))
    files = {f"{name}/{path.name}": file for path in paths if (file := walker.file(str(path)))}
    made = models_of(files, lambda _: name)
    return [_checked(model, said) for model in made[:1]] or [_missing(name, weights)]


def _text(said: object, key: str) -> str:
    """Return a text of a configuration that can be shown; empty for anything else."""
    value = said.get(key) if isinstance(said, dict) else None
    return value if isinstance(value, str) and value.isprintable() else ""


def _missing(name: str, weights: Path) -> ProviderModel:
    return ProviderModel(reference=name, format="gguf", state="damaged", problem=f"{weights.name} is not there")


def _checked(model: ProviderModel, said: dict[str, Any]) -> ProviderModel:
    """Return a model with the digest that Jan has for it, where it is one file."""
    digest = _text(said, "model_sha256").lower()
    weights = [file for file in model.files if file.role == "weights"]
    capabilities = ("embedding",) if said.get("embedding") is True else ()
    model = msgspec.structs.replace(model, capabilities=capabilities)
    if len(weights) != 1 or not _SHA256.fullmatch(digest):
        return model
    known = tuple(msgspec.structs.replace(f, sha256=digest) if f.role == "weights" else f for f in model.files)
    return msgspec.structs.replace(model, files=known)
