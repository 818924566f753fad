"""Looking names up among entries, and the session of the starter catalog, which has a handful of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from papin.catalogs import Page, all_of
from papin.errors import NotFound
from papin.models import CatalogEntry, Variant
from papin.names import nearest

__all__ = ["StarterSession", "find"]

_SHOWN = 60
_FEW = 8


class StarterSession:
    """Resolves and tells the entries it was given."""

    def __init__(self, entries: Sequence[CatalogEntry]) -> None:
        self._entries = tuple(entries)

    async def resolve(self, name: str, variant: str | None) -> Variant:
        """Return a build; see `papin.catalogs.CatalogSession`."""
        return find(self._entries, "starter", name, variant)

    async def refresh(self, state: str) -> Page:
        """Return all entries, or nothing when they were told already."""
        return all_of(self._entries, state)


def find(entries: Sequence[CatalogEntry], catalog: str, name: str, variant: str | None) -> Variant:
    """Return the variant of that name, compared without case, or the first one for None.

    Raises:
        NotFound: there is no such model or variant; the next step names those there are.
    """
    known = {entry.name.lower(): entry for entry in entries}
    entry = known.get(name.lower())
    if entry is None:
        raise NotFound(
            f"The catalog {catalog} has no model {name[:_SHOWN]!a}", next_step=_nearest(name, catalog, known)
        )
    if variant is None:
        return entry.variants[0]
    for each in entry.variants:
        if each.variant.lower() == variant.lower():
            return each
    there = ", ".join(each.ref for each in entry.variants)
    raise NotFound(f"{entry.title} has no variant {variant[:_SHOWN]!a}", next_step=f"There is: {there}")


def _nearest(name: str, catalog: str, known: Mapping[str, CatalogEntry]) -> str:
    near = nearest(name[:_SHOWN].lower(), known) or sorted(known)[:_FEW]
    return f"There is: {', '.join(f'{catalog}:{known[each].name}' for each in near)}" if near else "It is empty."
