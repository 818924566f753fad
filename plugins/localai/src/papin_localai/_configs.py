"""The configurations of LocalAI's models: what they say in papin's words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from papin.filenames import read_file_name
from papin.models import ModelSettings
from papin_localai._settings import PLACES

__all__ = ["CAPABILITIES", "RUNS", "as_patch", "as_settings", "capabilities_of", "format_of", "plain"]

RUNS = ("gguf", "ggml", "onnx", "safetensors", "pytorch")
"""The formats that one of its backends can run."""

CAPABILITIES: dict[str, tuple[str, ...]] = {
    "chat": ("chat", "text"),
    "completion": ("text",),
    "embeddings": ("embedding",),
    "rerank": ("rerank",),
    "vision": ("vision",),
    "transcript": ("transcription",),
    "tts": ("speech",),
    "image": ("image",),
    "video": ("video",),
    "sound_generation": ("audio",),
}
"""What its `known_usecases` mean."""


def plain(value: Any) -> dict[str, Any]:
    """Return a value of a file or an answer as a mapping, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def as_settings(config: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    """Return what a configuration sets, by papin's names; values of other types than papin's are left out."""
    found: dict[str, str | int | float | bool] = {}
    for name, path in PLACES.items():
        value: Any = config
        for key in path:
            value = plain(value).get(key)
        found |= _as_papins(name, value)
    return found


def _as_papins(name: str, value: Any) -> dict[str, str | int | float | bool]:
    try:
        made = getattr(msgspec.convert({name: value}, ModelSettings), name)
    except msgspec.ValidationError:
        return {}
    return {} if made is None else {name: made}


def as_patch(settings: Mapping[str, str | int | float | bool | None]) -> dict[str, Any]:
    """Return the part of a configuration that says `settings`; None takes a value away (RFC 7396)."""
    patch: dict[str, Any] = {}
    for name, value in settings.items():
        path = PLACES[name]
        place = patch
        for key in path[:-1]:
            place = place.setdefault(key, {})
        place[path[-1]] = value
    return patch


def capabilities_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a model can do, by its `known_usecases`, in papin's words."""
    cases = config.get("known_usecases")
    words = [str(each).lower().removeprefix("flag_") for each in cases] if isinstance(cases, list) else []
    found = {word for case in words for word in CAPABILITIES.get(case, ())}
    if plain(config.get("embeddings")) or config.get("embeddings") is True:
        found.add("embedding")
    if config.get("mmproj"):
        found.add("vision")
    return tuple(sorted(found))


def format_of(name: str) -> str:
    """Return the format of a file by its name, one of papin's or nothing."""
    return read_file_name(name).format
