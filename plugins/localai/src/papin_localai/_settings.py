"""What the user can set in the tables `[providers.localai]` and `[catalogs.localai]`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

__all__ = ["GallerySettings", "LocalAISettings"]


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
