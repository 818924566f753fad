"""What a catalog plugin implements: a place where models can be discovered.

A catalog registers a `Catalog` descriptor; its `open` gives a session that resolves names to files with size and
digest. `prefix` is what a person types before the colon (`starter:smollm2`). What else a session can do is told by its
methods: it `Refreshes` what papin keeps of it for searching without it, `Describes` a model with all its variants, and
`Searches` for what papin does not have yet. One with `is_local = True` needs no network, whatever its descriptor says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import msgspec

from papin.context import Context, NoSettings
from papin.models import CatalogEntry, Variant

if TYPE_CHECKING:
    from papin.query import Query

__all__ = ["Catalog", "CatalogSession", "Describes", "Page", "Refreshes", "Searches", "all_of"]


class CatalogSession(Protocol):
    """What every catalog can do."""

    async def resolve(self, name: str, variant: str | None) -> Variant:
        """Return the variant of that name, or the default one for None, with its files and their sources.

        Raises:
            NotFound: this catalog has no such model or variant.
        """
        ...


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a refresh: what is new or changed since the state that was given.

    `state` is whatever the catalog needs to go on from here (an ETag, a time, a cursor): text, at most 64 KiB, which
    papin stores in the same transaction as the entries. `more` tells that the next page can be asked for at once.
    `gone` are names that it no longer has; `whole` tells that it has nothing but these entries. A page without any of
    that says that nothing has changed.
    """

    state: str
    entries: tuple[CatalogEntry, ...] = ()
    gone: tuple[str, ...] = ()
    whole: bool = False
    more: bool = False


@runtime_checkable
class Refreshes(Protocol):
    """A catalog that can tell what it has, so that it can be searched without it."""

    async def refresh(self, state: str) -> Page:
        """Return the next page after `state`, told by the page before, of this refresh or the last; at first empty.

        When nothing has changed since a finished refresh, that is found out by one conditional request at most. A state
        that it does not understand (of another version of the plugin) is taken as empty.

        Raises:
            PapinError: it cannot be reached or understood; what papin has of it stays.
        """
        ...


@runtime_checkable
class Describes(Protocol):
    """A catalog that can tell more of one model than its refresh does."""

    async def entry(self, name: str) -> CatalogEntry:
        """Return the model with all its variants, each as `resolve` would return it or without its files.

        Raises:
            NotFound: this catalog has no such model.
        """
        ...


@runtime_checkable
class Searches(Protocol):
    """A catalog that has too much to be refreshed, and finds it itself."""

    async def search(self, query: Query, most: int) -> Sequence[CatalogEntry]:
        """Return at most `most` models, the best first; filters that it does not know, it ignores.

        Raises:
            PapinError: it cannot be reached or understood.
        """
        ...


class Catalog(msgspec.Struct, frozen=True, kw_only=True):
    """The descriptor of a catalog. `local` tells that nothing of it needs a network.

    `bundled` tells that its refresh needs none, because what it tells came with the plugin: that can be searched before
    any network is used, and what is missing in it (sizes, above all) is known once its server is asked for a model.

    A `template` is no catalog by itself: one is made of it for each folder or web address that the user added, which
    stands in its settings as `address`, with the user's name for it as name and prefix.
    """

    name: str
    prefix: str
    summary: str
    open: Callable[[Context[Any]], AbstractAsyncContextManager[CatalogSession]]
    local: bool = False
    bundled: bool = False
    template: bool = False
    settings: type[msgspec.Struct] = NoSettings


def all_of(entries: Sequence[CatalogEntry], state: str) -> Page:
    """Return the page of a catalog that has just these entries: empty when they were told at `state` already."""
    digest = hashlib.sha256(msgspec.json.encode(entries)).hexdigest()
    return Page(state=digest) if state == digest else Page(state=digest, entries=tuple(entries), whole=True)
