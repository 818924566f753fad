"""What LM Studio's REST API (`/api/v1`) answers, and which of its models is which file: shapes and pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from papin.filenames import read_file_name
from papin.inventories import ProviderModel

__all__ = ["Download", "Instance", "ListedModel", "ListedModels", "Loaded", "key_of", "listed_as", "split_reference"]

_NAME = 512
_FORMATS = {"gguf": "gguf", "mlx": "safetensors"}


class _Quantization(msgspec.Struct):
    name: str | None = None


class _Config(msgspec.Struct):
    context_length: int | None = None


class Instance(msgspec.Struct):
    """A model in memory; there may be several of one model."""

    id: str
    config: _Config = msgspec.field(default_factory=_Config)


class _Capabilities(msgspec.Struct):
    vision: bool = False
    trained_for_tool_use: bool = False
    reasoning: msgspec.Raw = msgspec.Raw(b"null")


class ListedModel(msgspec.Struct, kw_only=True):
    """A model as `/api/v1/models` lists it."""

    key: str
    type: str = "llm"
    publisher: str | None = None
    architecture: str | None = None
    quantization: _Quantization | None = None
    size_bytes: int | None = None
    max_context_length: int | None = None
    format: str | None = None
    capabilities: _Capabilities | None = None
    loaded_instances: list[Instance] = []


class ListedModels(msgspec.Struct):
    """The answer of `/api/v1/models`; another program's has no such `models`."""

    models: list[ListedModel]

    @property
    def shown(self) -> tuple[ListedModel, ...]:
        """Return those whose key can be shown and typed."""
        return tuple(each for each in self.models if each.key and len(each.key) <= _NAME and each.key.isprintable())


class Loaded(msgspec.Struct):
    """The answer to an order to load."""

    instance_id: str
    load_config: _Config | None = None


class Download(msgspec.Struct):
    """The state of a download: `downloading`, `paused`, `completed`, `failed`, `already_downloaded`."""

    status: str
    job_id: str | None = None
    total_size_bytes: int | None = None
    downloaded_bytes: int = 0
    bytes_per_second: float | None = None


def listed_as(model: ListedModel) -> ProviderModel:
    """Return a model of an LM Studio whose folder cannot be seen; its key is its name."""
    can = model.capabilities or _Capabilities()
    reasoning = bytes(can.reasoning) not in (b"null", b"false")
    words = {
        "embedding": model.type == "embedding",
        "chat": model.type != "embedding",
        "vision": can.vision,
        "tools": can.trained_for_tool_use,
        "reasoning": reasoning,
    }
    return ProviderModel(
        reference=model.key,
        size=model.size_bytes or 0,
        format=_FORMATS.get(model.format or "", ""),
        architecture=model.architecture or "",
        quantization=(model.quantization or _Quantization()).name or "",
        parameters=read_file_name(f"{model.key}.gguf").parameters,
        context_length=model.max_context_length,
        capabilities=tuple(word for word, has in words.items() if has),
    )


def key_of(model: ProviderModel, listed: Sequence[ListedModel]) -> ListedModel | None:
    """Return LM Studio's entry for a model of its folder, or None when none or more than one may be it.

    Both tell the publisher, the size and the quantization, and the key is made of the names; none of that alone is
    enough, and a size in bytes that is the same says most.
    """
    publisher = model.reference.partition("/")[0].lower()
    weights = sum(file.size for file in model.files if file.role == "weights")
    of_it = [each for each in listed if (each.publisher or publisher).lower() == publisher]
    for candidates in (
        [each for each in of_it if each.size_bytes in (weights, model.size) and _is_named(each, model)],
        [each for each in of_it if _is_named(each, model) and _is_quantized(each, model)],
        [each for each in of_it if each.size_bytes in (weights, model.size) and _is_quantized(each, model)],
    ):
        if len(candidates) == 1:
            return candidates[0]
    return None


def _is_quantized(listed: ListedModel, model: ProviderModel) -> bool:
    name = (listed.quantization or _Quantization()).name or ""
    return name.upper() == model.quantization.upper()


def _is_named(listed: ListedModel, model: ProviderModel) -> bool:
    return bool(_words([listed.key]) & _words(model.reference.split("/")[1:]))


def _words(names: Iterable[str]) -> set[str]:
    """Return names as a key may have them: in lower case, without publisher, format, quantization and part."""
    found = set()
    for name in names:
        plain = re.sub(r"\.gguf$|-\d{5}-of-\d{5}|[-_]gguf$", "", name.lower().rpartition("/")[2].partition("@")[0])
        told = read_file_name(f"{plain}.gguf").quantization.lower()
        found.add(plain)
        found.add(re.sub(r"-gguf$", "", plain.removesuffix(told).rstrip("-._")) if told else plain)
    return found - {""}


def split_reference(reference: str) -> tuple[str, str]:
    """Return what to fetch and in which quantization: `publisher/repo`, `publisher/repo@Q4_K_M` or with a colon."""
    found = re.fullmatch(r"(?P<model>(?:https?://)?[^@:]+)[@:](?P<quantization>[A-Za-z0-9_.-]+)", reference)
    return (found["model"], found["quantization"]) if found else (reference, "")
