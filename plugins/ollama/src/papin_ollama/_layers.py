"""The layers of a model of Ollama: what each media type is for, and the file names that they get in papin."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from papin import names
from papin.models import FileRole
from papin_ollama._names import Name

__all__ = [
    "CONFIG",
    "CONFIG_KIND",
    "MANIFEST",
    "Config",
    "Layer",
    "Manifest",
    "file_name",
    "hex_of",
    "kind_of_file",
    "role",
]

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
CONFIG_KIND = "config"

_PREFIX = "application/vnd.ollama.image."
_ROLES: dict[str, FileRole] = {"model": "weights", "tensor": "weights", "projector": "mmproj", "adapter": "adapter"}
_SIDECAR = "ollama."
_JSON = {"params", "messages", CONFIG_KIND}


class Layer(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, gc=False):
    """A blob as a manifest names it; nothing of it is checked yet."""

    media_type: str = ""
    digest: str = ""
    size: int = 0
    name: str = ""

    @property
    def kind(self) -> str:
        """What it is: `model`, `projector`, `template`, `params`, `config` ..., or empty for what Ollama has not."""
        if self.media_type == CONFIG:
            return CONFIG_KIND
        return self.media_type.removeprefix(_PREFIX) if self.media_type.startswith(_PREFIX) else ""


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """A manifest, of a registry or on disk."""

    schema_version: int = 0
    media_type: str = ""
    config: Layer | None = None
    layers: tuple[Layer, ...] = ()

    @property
    def all(self) -> tuple[Layer, ...]:
        """Every blob, the config last; a config without a digest is none."""
        config = (self.config,) if self.config is not None and self.config.digest else ()
        return (*self.layers, *config)


class Config(msgspec.Struct, frozen=True):
    """The config blob: what the weights are. `model_type` is the count of parameters for people: `751.63M`."""

    model_format: str = ""
    model_family: str = ""
    model_type: str = ""
    file_type: str = ""
    remote_host: str = ""
    remote_model: str = ""
    renderer: str = ""
    parser: str = ""
    capabilities: tuple[str, ...] | None = None
    context_length: int | None = None


def hex_of(digest: str) -> str:
    """Return the hex digits of `sha256:...`. Raises `NameInvalid` for anything else."""
    scheme, separator, digits = digest.partition(":")
    return names.check(digits if (scheme, separator) == ("sha256", ":") else digest, "digest")


def media_type(kind: str) -> str:
    """Return the media type of a layer of that kind."""
    return CONFIG if kind == CONFIG_KIND else f"{_PREFIX}{kind}"


def role(kind: str) -> FileRole:
    """Return what a layer of that kind is for."""
    return _ROLES.get(kind, "sidecar")


def file_name(kind: str, name: Name, number: int = 0) -> str:
    """Return the plain file name of the layer of a model, the `number`th of its kind.

    What is no weights is named by its kind alone: `ollama.template`, `ollama.params.json`. That is how sharing the
    model knows it again.
    """
    if role(kind) == "sidecar":
        return _sidecar_name(kind, number)
    tail = f"-{number + 1}" if number else ""
    base = f"{name.model}-{name.tag}" if name.tag != "latest" else name.model
    before = {"weights": "", "mmproj": "mmproj-", "adapter": "adapter-"}[role(kind)]
    return names.make_file_name(f"{before}{base}{tail}.gguf")


@lru_cache(maxsize=256)
def _sidecar_name(kind: str, number: int) -> str:
    tail = f"-{number + 1}" if number else ""
    return f"{_SIDECAR}{names.make_file_name(kind or 'layer')}{tail}" + (".json" if kind in _JSON else "")


def kind_of_file(name: str) -> str:
    """Return the kind of the layer that a file of papin was made from, or empty for one that was not."""
    if not name.startswith(_SIDECAR):
        return ""
    return name.removeprefix(_SIDECAR).removesuffix(".json").partition("-")[0]
