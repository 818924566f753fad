"""What the user can set in the tables `[providers.localai]` and `[catalogs.localai]`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

__all__ = ["PLACES", "GallerySettings", "LocalAISettings"]


class LocalAISettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where LocalAI answers, and its API key where it wants one.

    `models` is the folder of its models (its `MODELS_PATH`), as this machine sees it. With it papin knows the files,
    so that nothing is stored twice, and can share models; without it LocalAI is asked by its API alone.
    A job of LocalAI that shows no progress for `patience` seconds is given up.
    """

    url: str = "http://127.0.0.1:8080"
    key: str = ""
    models: Path | None = None
    patience: Annotated[float, msgspec.Meta(gt=0)] = 300.0


class GallerySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The address of the gallery's index, a YAML file; a mirror, or a gallery of one's own."""

    address: str = "https://index.localai.io/models"


PLACES: dict[str, tuple[str, ...]] = {
    "n_ctx": ("context_size",),
    "n_gpu_layers": ("gpu_layers",),
    "n_threads": ("threads",),
    "cache_type_k": ("cache_type_k",),
    "cache_type_v": ("cache_type_v",),
    "temperature": ("parameters", "temperature"),
    "top_k": ("parameters", "top_k"),
    "top_p": ("parameters", "top_p"),
    "min_p": ("parameters", "min_p"),
    "repeat_penalty": ("parameters", "repeat_penalty"),
    "seed": ("parameters", "seed"),
    "n_predict": ("parameters", "max_tokens"),
    "system_prompt": ("system_prompt",),
}
"""Where the settings that LocalAI can take stand in its configurations, by their names in `ModelSettings`."""
