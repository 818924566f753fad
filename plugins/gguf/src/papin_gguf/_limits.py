"""How much of a header is read, whatever it declares. All are far beyond any model that is in use."""

from __future__ import annotations

MAX_KEYS = 1 << 18
MAX_TENSORS = 1 << 17
MAX_STRINGS = 1 << 23
"""Strings in all arrays together; the largest vocabularies have 2**18, and twice that many merges."""

MAX_READ = 256 << 20
"""Bytes that are asked for in all."""

MAX_KEY_BYTES = 65535
MAX_TENSOR_NAME_BYTES = 63
MAX_DIMENSIONS = 4

KEPT_VALUES = 512
KEPT_STRING_BYTES = 2048
"""Metadata is for people to look at: so many values are handed on, and so much of a string."""

LAYERS_READ = 4096
"""Arrays of numbers up to this length are looked into: they have a value for each layer."""
SHOWN_KEY_BYTES = 256
