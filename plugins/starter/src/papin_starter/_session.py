"""The session of the starter catalog: looks names up in a handful of entries."""

from __future__ import annotations

from collections.abc import Sequence

from papin.catalogs import Page, all_of
from papin.errors import NotFound
from papin.models import CatalogEntry, Variant
from papin.names import nearest

_SHOWN = 60


class StarterSession:
    """Resolves and tells the entries it was given."""

    def __init__(self, entries: Sequence[CatalogEntry]) -> None:
        self._entries = {entry.name: entry for entry in entries}

    async def resolve(self, name: str, variant: str | None) -> Variant:
        """Return the variant of that name, compared without case, or the first one for None.

        Raises:
            NotFound: there is no such model or variant; the next step names those there are.
        """
        entry = self._entries.get(name.lower())
        if entry is None:
            raise NotFound(f"The starter catalog has no model {name[:_SHOWN]!a}", next_step=self._nearest(name))
        if variant is None:
            return entry.variants[0]
        for each in entry.variants:
            if each.variant.lower() == variant.lower():
                return each
        known = ", ".join(each.ref for each in entry.variants)
        raise NotFound(f"{entry.title} has no variant {variant[:_SHOWN]!a}", next_step=f"There is: {known}")

    async def refresh(self, state: str) -> Page:
        """Return all entries, or nothing when they were told already."""
        return all_of(tuple(self._entries.values()), state)

    def _nearest(self, name: str) -> str:
        near = nearest(name[:_SHOWN].lower(), self._entries) or sorted(self._entries)
        return f"There is: {', '.join(f'starter:{each}' for each in near)}"
