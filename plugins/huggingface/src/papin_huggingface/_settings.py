"""What the user can set in the table `[catalogs.huggingface]`, and what Hugging Face's own programs read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

__all__ = ["HUB", "HubSettings", "endpoint_of"]

HUB = "https://huggingface.co"


class HubSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the hub is, and what of it to look at.

    `endpoint` is a mirror; empty, it is what `HF_ENDPOINT` says, or the hub itself. `formats` are what a refresh and a
    search look for, as the hub tags them; `pages` is how many pages of 100 models of each row a refresh takes.
    """

    endpoint: str = ""
    token: str = ""
    formats: tuple[str, ...] = ("gguf",)
    pages: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3


def endpoint_of(settings: HubSettings, environ: Mapping[str, str]) -> str:
    """Return the address of the hub, without a slash at its end."""
    return (settings.endpoint or environ.get("HF_ENDPOINT", "") or HUB).rstrip("/")
