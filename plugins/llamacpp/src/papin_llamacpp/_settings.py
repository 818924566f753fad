"""What the user can set in the table `[providers.llamacpp]`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

__all__ = ["CacheType", "LlamaCppSettings"]

CacheType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"]
"""What llama.cpp can keep its KV cache in."""

Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 24)]


class LlamaCppSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How models are loaded when neither the model's own settings nor the command say otherwise.

    `keep_alive` is in seconds of idleness: 0 ends the engine after each answer, a negative number never. `n_ctx` is
    capped by what the model was trained for; 0 takes exactly that. `n_gpu_layers` of -1 puts as many layers on the
    GPU as fit; `n_threads` of 0 uses all cores. `cache_ram_mib` bounds the cache of earlier prompts, in MiB.

    `cache_type_k` and `cache_type_v` are the types of the KV cache; other types of V than `f16` want `flash_attn`.
    `embedding` loads every model so that it can embed as well, which costs some speed; models that are made to embed
    always are. `pooling_type` says how one vector is made of many; `auto` is the model's own way.
    """

    engine: Literal["auto", "xllamacpp", "llama-server"] = "auto"
    keep_alive: float = 300.0
    n_ctx: Count = 4096
    n_gpu_layers: Annotated[int, msgspec.Meta(ge=-1, le=1 << 16)] = -1
    n_threads: Count = 0
    n_parallel: Annotated[int, msgspec.Meta(ge=1, le=256)] = 1
    flash_attn: bool | None = None
    cache_ram_mib: Count = 512
    cache_type_k: CacheType = "f16"
    cache_type_v: CacheType = "f16"
    embedding: bool = False
    pooling_type: Literal["auto", "none", "mean", "cls", "last", "rank"] = "auto"
