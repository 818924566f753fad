"""What the user can set in the table `[providers.llamacpp]`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

__all__ = ["LlamaCppSettings"]

Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 24)]


class LlamaCppSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How models are loaded when neither the model's own settings nor the command say otherwise.

    `keep_alive` is in seconds of idleness: 0 ends the engine after each answer, a negative number never. `n_ctx` is
    capped by what the model was trained for; 0 takes exactly that. `n_gpu_layers` of -1 puts as many layers on the
    GPU as fit; `n_threads` of 0 uses all cores. `cache_ram_mib` bounds the cache of earlier prompts, in MiB.
    """

    engine: Literal["auto", "xllamacpp", "llama-server"] = "auto"
    keep_alive: float = 300.0
    n_ctx: Count = 4096
    n_gpu_layers: Annotated[int, msgspec.Meta(ge=-1, le=1 << 16)] = -1
    n_threads: Count = 0
    n_parallel: Annotated[int, msgspec.Meta(ge=1, le=256)] = 1
    flash_attn: bool | None = None
    cache_ram_mib: Count = 512
