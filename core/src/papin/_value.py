"""The root of papin's values."""

from __future__ import annotations

import msgspec

__all__ = ["Value"]


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """What all values share: frozen, keyword-only."""
