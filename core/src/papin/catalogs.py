"""What a catalog plugin implements: a place where models can be discovered.

A catalog registers a `Catalog` descriptor; its `open` gives a session that resolves names to files with size and
digest. `prefix` is what a person types before the colon (`starter:smollm2`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, runtime_checkable

import msgspec

from papin.context import Context, NoSettings
from papin.models import CatalogEntry, Variant

__all__ = ["Browses", "Catalog", "CatalogSession"]


class CatalogSession(Protocol):
    """What every catalog can do."""

    async def resolve(self, name: str, variant: str | None) -> Variant:
        """Return the variant of that name, or the default one for None, with its files and their sources.

        Raises:
            NotFound: this catalog has no such model or variant.
        """
        ...


@runtime_checkable
class Browses(Protocol):
    """A catalog that can tell what it has."""

    async def entries(self) -> Sequence[CatalogEntry]:
        """Return everything it has, in the order in which to show it."""
        ...


class Catalog(msgspec.Struct, frozen=True, kw_only=True):
    """The descriptor of a catalog. `local` tells that resolving a name needs no network."""

    name: str
    prefix: str
    summary: str
    open: Callable[[Context[Any]], AbstractAsyncContextManager[CatalogSession]]
    local: bool = False
    settings: type[msgspec.Struct] = NoSettings
