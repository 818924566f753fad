"""The search language, one for all frontends: words and filters.

coder arch:qwen3 size:<=8b quant:q4,q5 can:tools fits:yes license:apache-2.0 sort:downloads
"""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Filter", "Query", "Relation"]

Relation = Literal["=", "<", "<=", ">", ">="]


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """One condition, met by any of `values`; those of a number have one value and may compare (`size:<=8b`)."""

    key: str
    values: tuple[str, ...]
    relation: Relation = "="


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What is searched for: all words, all filters, and the order (empty: the best match first)."""

    words: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    sort: str = ""
