"""How much memory a model needs and this machine has for it: the one estimate for everything, without loading.

With a header it is counted; with a size or a name alone it is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from papin.discovery import Fit
from papin.machine import Machine
from papin.models import Header, Variant

__all__ = [
    "DEFAULT_CONTEXT",
    "TYPICAL_BITS",
    "Room",
    "compute_bytes",
    "estimate",
    "estimate_size",
    "estimate_variant",
    "fit_of",
    "kv_cache_bytes",
    "room",
]

# llama.cpp: a logical batch of 512 tokens goes through the graph at once (n_ubatch), and its largest buffers are the
# logits (n_ubatch x vocabulary) and some eight activations (n_ubatch x embedding), in 32-bit floats.
_UBATCH = 512
_ACTIVATIONS = 8
_FLOAT = 4
_HALF = 2
DEFAULT_CONTEXT = 4096
_FALLBACK_OVERHEAD = 1.2
TYPICAL_BITS: Mapping[str, float] = {"gguf": 4.89, "safetensors": 16.0}
"""Bits per weight by format, where nobody tells: most builds are Q4_K_M, and most models are published in BF16."""


def kv_cache_bytes(header: Header, n_ctx: int) -> int:
    """Return the size of a key/value cache in 16-bit floats: layers x context x KV heads x (key + value length) x 2."""
    if not (header.layers and header.heads and header.embedding_length):
        return 0
    kv_heads = header.kv_heads or header.heads
    head = header.embedding_length // header.heads
    row = kv_heads * ((header.key_length or head) + (header.value_length or head))
    return header.layers * n_ctx * row * _HALF


def compute_bytes(header: Header) -> int:
    """Return the size of the compute buffer, as the comment above counts it."""
    return _UBATCH * _FLOAT * ((header.vocabulary or 0) + _ACTIVATIONS * (header.embedding_length or 0))


def estimate(header: Header, size: int, n_ctx: int | None = None) -> int:
    """Return the bytes of memory that a model of `size` bytes needs with a context of `n_ctx` tokens.

    Checked against llama-fit-params for SmolLM2 135M Q4_1 at 4096: 92 (weights) + 90 (KV cache) + 106 (compute) MiB.
    """
    context = n_ctx or min(header.context_length or DEFAULT_CONTEXT, DEFAULT_CONTEXT)
    return size + kv_cache_bytes(header, context) + compute_bytes(header)


def estimate_size(size: int | None, parameters: int | None, bits_per_weight: float | None) -> int | None:
    """Return the bytes of memory that a build of `size` bytes needs, as far as that alone tells; None: unknown.

    Where its size is unknown, it is the number of its weights times the bits of each.
    """
    if size is None and parameters and bits_per_weight:
        size = int(parameters * bits_per_weight / 8)
    return None if size is None else int(size * _FALLBACK_OVERHEAD)


def estimate_variant(variant: Variant) -> int | None:
    """Return the bytes of memory that a variant needs, as far as its size alone tells, or None when that is unknown.

    Where neither size nor bits are told, as of a tag of Ollama, it is that of the usual build in its format.
    """
    return estimate_size(variant.size, variant.parameters, variant.bits_per_weight or TYPICAL_BITS.get(variant.format))


class Room(NamedTuple):
    """What a model may take on this machine, in bytes; `gpu` is 0 where none tells its memory."""

    gpu: int
    main: int

    @property
    def most(self) -> int:
        """The larger of them: what needs more does not fit."""
        return max(self.gpu, self.main)


def fit_of(needed: int | None, space: Room) -> Fit:
    """Return where a model that needs that much memory would run."""
    if needed is None:
        return "unknown"
    return "gpu" if needed <= space.gpu else "memory" if needed <= space.main else "no"


# A GPU also holds the picture on the screen; main memory everything else that runs.
_OF_A_GPU = 0.9
_OF_MAIN = 0.75


def room(machine: Machine, share: float = _OF_MAIN) -> Room:
    """Return the room on the largest GPU and, `share` of it, in main memory."""
    gpu = max((each.memory or 0 for each in machine.gpus), default=0)
    return Room(gpu=int(gpu * _OF_A_GPU), main=int(machine.memory.total * share))
