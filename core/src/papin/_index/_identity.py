"""When two entries are the same model: pure functions, so that it can be argued about."""

from __future__ import annotations

import re
from typing import NamedTuple

from papin.filenames import without_quantization
from papin.models import CatalogEntry

__all__ = ["Identity", "digests", "first_bytes", "identity", "is_same", "plain_name"]

# What publishers put behind a model's name that does not make another model of it.
_WRAPPING = {"gguf", "ggml", "onnx", "mlx", "imatrix", "imat", "i1", "quantized", "quants", "quant", "hf", "bnb", "ud"}
# Names round parameters, so 8.03 billion and 8B are the same, and 8B and 7B are not.
_NEAR = 0.07


class Identity(NamedTuple):
    """What a model is known by: its plain name, and its architecture and parameters where they are told."""

    name: str
    architecture: str = ""
    parameters: int | None = None


def identity(entry: CatalogEntry) -> Identity:
    """Return what `entry` is known by: its own title without wrapping, or the model that it is a build of.

    That counts only where the title says nothing more than it, but for who published it: a model that was trained
    further is another one, whatever its catalog names as its base.
    """
    own = _words(entry.title or entry.name)
    plain = own
    if entry.base_model and (base := _words(entry.base_model)):
        publishers = (entry.base_model.rpartition("/")[0], entry.publisher)
        if set(own) <= {*base, *(word for text in publishers for word in _words(text))}:
            plain = base
    return Identity("-".join(plain) or entry.name.lower(), entry.architecture.lower(), entry.parameters)


def plain_name(text: str) -> str:
    """Return what a model of that name is known by; nothing for a name that is all wrapping."""
    return "-".join(_words(text))


def _words(text: str) -> list[str]:
    words = re.split(r"[^a-z0-9.]+", without_quantization(text.rpartition("/")[2]).lower())
    return [plain for word in words if (plain := word.strip(".")) and plain not in _WRAPPING]


def is_same(one: Identity, other: Identity) -> bool:
    """Tell whether two identities may be one model: nothing that both tell contradicts."""
    if one.name != other.name:
        return False
    if one.architecture and other.architecture and one.architecture != other.architecture:
        return False
    if not one.parameters or not other.parameters:
        return True
    return abs(one.parameters - other.parameters) <= _NEAR * max(one.parameters, other.parameters)


def first_bytes(sha256: str) -> int:
    """Return the first eight bytes of a digest, as SQLite keeps numbers."""
    return int.from_bytes(bytes.fromhex(sha256[:16]), signed=True)


def digests(entry: CatalogEntry) -> set[int]:
    """Return the first eight bytes of each digest of weights."""
    return {
        first_bytes(file.sha256)
        for variant in entry.variants
        for file in variant.files
        if file.sha256 and file.role == "weights"
    }
