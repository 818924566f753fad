"""What the user can set in the tables `[providers.ollama]` and `[catalogs.ollama]`."""

from __future__ import annotations

from typing import Annotated

import msgspec

__all__ = ["ENDPOINT", "CatalogSettings", "ProviderSettings"]

ENDPOINT = "https://registry.ollama.ai"


class ProviderSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where Ollama is.

    `url` is its address in any form that `OLLAMA_HOST` may have; empty takes `OLLAMA_HOST`, and else this machine.
    `models` is the folder of its models; empty finds it for an Ollama on this machine, and leaves it to Ollama to tell
    what another machine has. `key` is sent as a bearer token, for a proxy in front of it. `patience` is in seconds: a
    pull that gets nothing for so long has stalled.
    """

    url: str = ""
    models: str = ""
    key: str = ""
    patience: Annotated[float, msgspec.Meta(gt=0)] = 120.0


class CatalogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the models of Ollama's registry come from: `endpoint` may be a mirror of it."""

    endpoint: str = ENDPOINT
