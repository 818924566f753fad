"""How much memory a model needs: an estimate from its header, without loading anything."""

from __future__ import annotations

from papin.models import Header, Variant

# llama.cpp: a logical batch of 512 tokens goes through the graph at once (n_ubatch), and its largest buffers are the
# logits (n_ubatch x vocabulary) and some eight activations (n_ubatch x embedding), in 32-bit floats.
_UBATCH = 512
_ACTIVATIONS = 8
_FLOAT = 4
_HALF = 2
DEFAULT_CONTEXT = 4096
_FALLBACK_OVERHEAD = 1.2


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


def estimate_variant(variant: Variant) -> int | None:
    """Return the bytes of memory that a variant needs, as far as its size alone tells, or None without a size."""
    return None if variant.size is None else int(variant.size * _FALLBACK_OVERHEAD)
