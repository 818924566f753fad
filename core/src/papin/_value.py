"""The root of papin's values."""

from __future__ import annotations

import msgspec

__all__ = ["Value"]


class Value(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What all values share: frozen, keyword-only, and left alone by the garbage collector, since none holds itself."""
