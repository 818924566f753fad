"""Catalogs: what can be installed, and from where."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

import trio

from papin import names
from papin._operations._services import Services
from papin.answers import CatalogStatus
from papin.catalogs import Catalog, CatalogSession, Refreshes
from papin.errors import Ambiguous, NameInvalid, NotFound, PapinError
from papin.models import CatalogEntry, Variant
from papin.names import CatalogRef

_SHOWN = 5


def choose(
    ref: CatalogRef,
    found: Sequence[Variant],
    problems: Sequence[PapinError],
    near: Sequence[str],
    elsewhere: Sequence[str] = (),
) -> Variant:
    """Return the only variant that was found for `ref`; `elsewhere` are prefixes of catalogs that were not asked.

    Raises:
        Ambiguous: several catalogs have it.
        PapinError: nobody has it, and a catalog could not be asked: its error.
        NotFound: nobody has it; the nearest names are listed.
    """
    if len(found) == 1:
        return found[0]
    if found:
        refs = sorted(variant.ref for variant in found)
        raise Ambiguous(f"{len(found)} catalogs have {ref}", next_step=f"Say which one: {', '.join(refs[:_SHOWN])}.")
    if problems:
        raise problems[0]
    known = f"The nearest: {', '.join(near)}." if near else "papin catalogs list shows where models come from."
    if elsewhere:
        known += f" Or say where to look: {', '.join(f'{prefix}:{ref}' for prefix in elsewhere[:_SHOWN])}."
    raise NotFound(f"no catalog has a model called {ref}", next_step=known)


class Catalogs:
    """The places where models can be discovered."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @property
    def prefixes(self) -> dict[str, str]:
        """The name of each catalog by what a person types before the colon."""
        return {found.descriptor.prefix: name for name, found in self._services.plugins.catalogs.items()}

    def _descriptor(self, name: str) -> Catalog:
        descriptor: Catalog = self._services.plugins.catalogs[name].descriptor
        return descriptor

    def _guard(self, name: str) -> AbstractContextManager[None]:
        return self._services.sessions.guard(f"catalog {name}")

    async def list(self) -> tuple[CatalogStatus, ...]:
        """Return every catalog with its state; one that cannot be opened is told as failed."""
        return tuple([await self._status(name) for name in self._services.plugins.catalogs])

    async def _status(self, name: str) -> CatalogStatus:
        about = self._descriptor(name)
        problem = models = None
        try:
            session = await self._services.catalog(name)
            if about.local:
                models = len(await self._told(name, session))
        except PapinError as error:
            problem = error.problem()
        return CatalogStatus(
            name=name,
            prefix=about.prefix,
            summary=about.summary,
            local=about.local,
            state="failed" if problem else "ready",
            models=models,
            problem=problem,
        )

    async def entries(self) -> tuple[CatalogEntry, ...]:
        """Return what the catalogs of this machine have; those that cannot be read are left out."""
        found: list[CatalogEntry] = []
        for name in self._services.plugins.catalogs:
            try:
                if self._descriptor(name).local:
                    found += await self._told(name, await self._services.catalog(name))
            except PapinError:
                continue  # told by `list`
        return tuple(found)

    async def _told(self, name: str, session: CatalogSession) -> Sequence[CatalogEntry]:
        if not isinstance(session, Refreshes):
            return ()
        with self._guard(name):
            return (await session.refresh("")).entries

    async def resolve(self, ref: str) -> Variant:
        """Return the variant that `ref` names, asking the catalogs of this machine at once where it names none.

        A name alone is told to nobody else: what somebody mistypes is no business of a server.

        Raises:
            NameInvalid: it is not a catalog reference.
            NotFound: no catalog has it.
            Ambiguous: several have it.
        """
        parsed = names.parse(ref, catalogs=self.prefixes)
        if not isinstance(parsed, CatalogRef):
            raise NameInvalid(f"{ref} is not the name of a model in a catalog", next_step="papin catalogs list")
        known = self._services.plugins.catalogs
        local = [name for name in known if self._descriptor(name).local]
        asked = [self.prefixes[parsed.catalog]] if parsed.catalog else local
        found: list[Variant] = []
        problems: list[PapinError] = []

        async def ask(name: str) -> None:
            try:
                session = await self._services.catalog(name)
                with self._guard(name):
                    found.append(await session.resolve(parsed.name, parsed.variant))
            except NotFound:
                return
            except PapinError as error:
                problems.append(error)

        async with trio.open_nursery() as nursery:
            for name in asked:
                nursery.start_soon(ask, name)
        near = [] if found else names.nearest(parsed.name, [entry.name for entry in await self.entries()])
        elsewhere = [prefix for prefix, name in self.prefixes.items() if name not in asked and not parsed.catalog]
        return choose(parsed, found, problems, near, elsewhere)
