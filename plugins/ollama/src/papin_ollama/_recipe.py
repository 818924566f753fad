"""What a model of papin consists of in Ollama's words: pure functions from its files to layers and requests."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from papin.errors import FormatInvalid
from papin.models import Model, StoredFile
from papin_ollama._layers import CONFIG, CONFIG_KIND, MANIFEST, Config, Layer, Manifest, kind_of_file, media_type
from papin_ollama._templates import Template

__all__ = ["Recipe", "count_text", "make_recipe"]

_KINDS = {"weights": "model", "mmproj": "projector", "adapter": "adapter"}
_STEP = 1000


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """The large files with their kinds, in order, and the contents of the small layers; the config is one of them.

    `is_exact` tells that the config came with the model from Ollama's own registry.
    """

    large: tuple[tuple[str, StoredFile], ...]
    small: tuple[tuple[str, bytes], ...]
    config: bytes
    is_exact: bool = False

    @property
    def digests(self) -> tuple[str, ...]:
        """The digests (hex) of the large files."""
        return tuple(file.sha256 for _, file in self.large)

    @property
    def weights(self) -> str:
        """The digest (hex) of the weights."""
        return next(file.sha256 for kind, file in self.large if kind == "model")

    @property
    def template(self) -> bytes:
        """How a chat is put, or nothing where Ollama has code of its own for it, or nobody knows."""
        return next((data for kind, data in self.small if kind == "template"), b"")

    def manifest(self) -> bytes:
        """Return the manifest."""
        layers = tuple(_layer(kind, file.sha256, file.size) for kind, file in self.large)
        layers += tuple(_layer(kind, digest(data), len(data)) for kind, data in self.small)
        config = Layer(media_type=CONFIG, digest=f"sha256:{digest(self.config)}", size=len(self.config))
        return (
            msgspec.json.encode(Manifest(schema_version=2, media_type=MANIFEST, config=config, layers=layers)) + b"\n"
        )

    def request(self, reference: str) -> dict[str, Any]:
        """Return the body of `/api/create`."""
        config = msgspec.json.decode(self.config, type=Config)
        body: dict[str, Any] = {
            "model": reference,
            "files": {file.name: f"sha256:{file.sha256}" for _, file in self.large},
        }
        body |= {name: text for name, text in (("renderer", config.renderer), ("parser", config.parser)) if text}
        for kind, data in self.small:
            if kind in {"template", "system"}:
                body[kind] = data.decode(errors="replace")
            elif kind == "license":
                body.setdefault("license", []).append(data.decode(errors="replace"))
            elif kind in {"params", "messages"}:
                body["parameters" if kind == "params" else kind] = msgspec.json.decode(data)
        return body


def digest(data: bytes) -> str:
    """Return the hex digits of a SHA-256."""
    return hashlib.sha256(data).hexdigest()


def _layer(kind: str, sha256: str, size: int) -> Layer:
    return Layer(media_type=media_type(kind), digest=f"sha256:{sha256}", size=size)


def make_recipe(model: Model, sidecars: Mapping[str, bytes], template: Template | None) -> Recipe:
    """Return how `model` is put together; `sidecars` are contents by file name, `template` its family's.

    Raises:
        FormatInvalid: Ollama does not run it: it is no GGUF, or one in several parts.
    """
    large = tuple((_KINDS[file.role], file) for file in model.files if file.role in _KINDS)
    weights = sum(kind == "model" for kind, _ in large)
    if model.format != "gguf" or weights != 1:
        what = f"of {weights} parts" if weights > 1 else f"in the format {model.format or 'unknown'}"
        raise FormatInvalid(
            f"{model.id} is a model {what}, and Ollama takes GGUF models of one file",
            next_step="Download a variant of it that is one GGUF file.",
        )
    known = [(kind_of_file(name), data) for name, data in sidecars.items()]
    small = [(kind, data) for kind, data in known if kind and kind != CONFIG_KIND]
    config = next((data for kind, data in known if kind == CONFIG_KIND), b"")
    is_exact = bool(config)
    if template and not is_exact and not any(kind == "template" for kind, _ in small):
        small += _of_template(template, has_params=any(kind == "params" for kind, _ in small))
    config = config or _config(model, large, small)
    return Recipe(large=large, small=tuple(small), config=config, is_exact=is_exact)


def _of_template(template: Template, *, has_params: bool) -> list[tuple[str, bytes]]:
    made = [("template", template.text.encode())]
    return made if has_params else [*made, ("params", msgspec.json.encode({"stop": template.stop}))]


def _config(model: Model, large: Sequence[tuple[str, StoredFile]], small: Sequence[tuple[str, bytes]]) -> bytes:
    digests = [*(file.sha256 for _, file in large), *(digest(data) for _, data in small)]
    return msgspec.json.encode(
        {
            "model_format": "gguf",
            "model_family": model.architecture,
            "model_families": [model.architecture],
            "model_type": count_text(model.parameters),
            "file_type": model.quantization or "unknown",
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{each}" for each in digests]},
        }
    )


def count_text(count: int | None) -> str:
    """Return a count of parameters as Ollama writes it: `751.63M`, `8.0B`."""
    value = float(count or 0)
    for unit, digits in (("", 0), ("K", 2), ("M", 2)):
        if value < _STEP:
            return f"{value:.{digits}f}{unit}" if count else ""
        value /= _STEP
    return f"{value:.1f}B"
