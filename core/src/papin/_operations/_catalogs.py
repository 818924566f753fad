"""Catalogs: what can be installed, and from where."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import trio

from papin import memory, names, variants
from papin._index import Here, Installed, State, _here, _read
from papin._operations._own_catalogs import OwnCatalogs
from papin._operations._refreshing import OnRefresh, refresh_all
from papin._operations._services import Services, ignore
from papin._registry import Write
from papin.answers import CatalogStatus
from papin.catalogs import Catalog, Describes
from papin.discovery import Refreshed
from papin.errors import Ambiguous, NameInvalid, NotFound, PapinError
from papin.events import CatalogRefreshed
from papin.models import CatalogEntry, Variant
from papin.names import CatalogRef, PathRef, UrlRef
from papin.query import Query, parse

_SHOWN = 5
_log = logging.getLogger("papin.kernel")
_NEAR = 3
_PROMISING = 200


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
    raise choose_none(ref, near, elsewhere)


def choose_none(ref: CatalogRef, near: Sequence[str], elsewhere: Sequence[str]) -> NotFound:
    """Return the error for a model that nobody has."""
    known = f"The nearest: {', '.join(near)}." if near else "papin catalogs list shows where models come from."
    if elsewhere:
        known += f" Or say where to look: {', '.join(f'{prefix}:{ref}' for prefix in elsewhere[:_SHOWN])}."
    return NotFound(f"no catalog has a model called {ref}", next_step=known)


def due(names: Iterable[str], states: Mapping[str, State], now: datetime, days: int) -> float:
    """Return in how many seconds the catalog that was refreshed longest ago is to be refreshed; 0 for now."""
    last = [states[name].refreshed_at if name in states else None for name in names]
    oldest = [at for at in last if at is not None]
    if len(oldest) < len(last) or not oldest:
        return 0.0
    return max(0.0, (min(oldest) + timedelta(days=days) - now).total_seconds())


class Catalogs:
    """The places where models can be discovered."""

    def __init__(self, services: Services, own: OwnCatalogs) -> None:
        self._services = services
        self._own = own

    @property
    def prefixes(self) -> dict[str, str]:
        """The name of each catalog by what a person types before the colon."""
        return {found.descriptor.prefix: name for name, found in self._services.plugins.catalogs.items()}

    async def parse(self, ref: str) -> CatalogRef | UrlRef | PathRef:
        """Return what `ref` refers to, with the catalogs that are configured now.

        A catalog may be called by its name as well as by its prefix.

        Raises:
            NameInvalid: `ref` is not well formed.
        """
        await self._own.follow()
        called, colon, rest = ref.partition(":")
        if colon and called in self._services.plugins.catalogs and called not in self.prefixes:
            ref = f"{self._descriptor(called).prefix}:{rest}"  # papin catalogs list shows both
        return names.parse(ref, catalogs=self.prefixes)

    def _descriptor(self, name: str) -> Catalog:
        descriptor: Catalog = self._services.plugins.catalogs[name].descriptor
        return descriptor

    def _guard(self, name: str) -> AbstractContextManager[None]:
        return self._services.sessions.guard(f"catalog {name}")

    async def here(self) -> Here:
        """Return the room for models here and what the providers run, and keep it for searches without a kernel."""
        machine = await trio.to_thread.run_sync(self._services.machine)
        providers = {name: each.descriptor.formats for name, each in self._services.plugins.providers.items()}
        catalogs = tuple(self._services.plugins.catalogs)
        found = Here(room=memory.room(machine), providers=providers, catalogs=catalogs)
        before = await self._services.look_up(_here.load_here)
        if before != found:
            save = partial(_here.save_here, room=found.room, providers=providers, catalogs=catalogs)
            await self._services.index_change(save)
        return found

    async def list(self) -> tuple[CatalogStatus, ...]:
        """Return every catalog with its state; one that cannot be opened is told as failed."""
        await self.refresh_local()
        states = await self._services.look_up(_read.states)
        there = [found.descriptor for found in self._services.plugins.catalogs.values()]
        return tuple([await self._status(about, states.get(about.name)) for about in there])

    async def _status(self, about: Catalog, known: State | None) -> CatalogStatus:
        name = about.name
        problem = known.problem if known else None
        try:
            await self._services.catalog(name)
        except PapinError as error:
            problem = error.problem()
        return CatalogStatus(
            name=name,
            prefix=about.prefix,
            summary=about.summary,
            local=about.local,
            state="failed" if problem else "ready",
            models=known.entries if known else None,
            refreshed_at=known.refreshed_at if known else None,
            problem=problem,
        )

    async def refresh(self, names: Sequence[str] = (), *, on_refresh: OnRefresh = ignore) -> tuple[Refreshed, ...]:
        """Ask catalogs (all, or those of these names) for what is new, telling how far each is.

        Raises:
            NotFound: there is no catalog of such a name.
        """
        await self._own.follow()
        known = self._services.plugins.catalogs
        for name in names:
            if name not in known:
                there = ", ".join(known) or "none"
                raise NotFound(f"there is no catalog {name[:40]!a}", next_step=f"Catalogs here: {there}.")
        done = await refresh_all(self._services, [*names] or [*known], on_refresh)
        await self.here()  # a search without a kernel finds what is of these catalogs
        for each in done:
            await self._tell(each)
        return done

    async def _tell(self, done: Refreshed) -> None:
        if done.changed or done.gone:
            event = CatalogRefreshed(catalog=done.catalog, changed=done.changed, gone=done.gone)
            await self._services.records.change(partial(Write.journal, event=event))

    async def add(self, name: str, address: str, *, folder: Path | None = None) -> Refreshed:
        """Add a catalog of the user's own, a folder or the web address of an index; return what it brought.

        It stands in the configuration as `[catalogs.NAME]`, and can be used at once. A relative path is meant from
        `folder`. What cannot be read is not added.

        Raises:
            NameInvalid: the name cannot be typed before a colon, or the path is relative and there is no `folder`.
            Conflict: a catalog has that name or prefix.
            PluginFailed: no plugin reads such catalogs.
            PapinError: it cannot be read.
        """
        done = await self._own.add(name, address, folder)
        await self.here()
        await self._tell(done)
        return done

    async def remove(self, name: str) -> Refreshed:
        """Take a catalog of the user's own out, with what it told; the models that came from it stay.

        Raises:
            NotFound: the user has no such catalog.
        """
        done = Refreshed(catalog=name, gone=await self._own.remove(name))
        await self.here()
        await self._tell(done)
        return done

    async def keep_fresh(self) -> None:
        """Refresh the catalogs as often as the configuration allows, until cancelled; for programs that stay.

        One that failed is asked again at the next turn.
        """
        days = self._services.config.core.refresh_catalogs_days
        if not days or self._services.config.core.offline:
            return
        while True:
            try:
                wait = await self._refresh_due(days)
            except PapinError as error:
                _log.warning("%s", error.message)  # whoever asks next is told
                wait = timedelta(days=days).total_seconds()
            await trio.sleep(wait)

    async def _refresh_due(self, days: int) -> float:
        """Refresh if it is time; return the seconds until it is the next time."""
        states = await self._services.look_up(_read.states)
        wait = due(self._services.plugins.catalogs, states, datetime.now(UTC), days)
        if wait <= 0:
            await self.refresh()
            wait = timedelta(days=days).total_seconds()
        return wait

    async def refresh_local(self) -> None:
        """Bring in what the catalogs tell without a network; which is quick where nothing has changed."""
        await self._own.follow()
        there = [found.descriptor for found in self._services.plugins.catalogs.values()]
        known = [about.name for about in there if about.local or about.bundled]
        await refresh_all(self._services, known, ignore)

    async def entries(self, most: int | None = None) -> tuple[CatalogEntry, ...]:
        """Return what is indexed of the catalogs that are here, the most downloaded first; at most `most`."""
        await self.refresh_local()
        here = list(self._services.plugins.catalogs)
        return tuple(await self._services.look_up(lambda connection: _read.entries(connection, here, most)))

    async def promising(self, task: str = "") -> Sequence[CatalogEntry]:
        """Return all models of local catalogs, and the most downloaded ones of the others that fit here.

        With a task, the others are those that can do it.
        """
        await self.refresh_local()
        here, words = await self.here(), parse(f"fits:yes sort:downloads{task and f' can:{task}'}")
        local = [name for name in self._services.plugins.catalogs if self._is_local(name)]
        entries = await self._services.look_up(lambda index: _read.entries(index, local))
        found = await self._services.look_up(lambda index: _read.find(index, words, _PROMISING, here, Installed()))
        others = [card.entry for card in found.cards if not self._is_local(card.entry.catalog)]
        return [*entries, *(entry for entry in others if entry.catalog in self._services.plugins.catalogs)]

    async def placed(self, ref: CatalogRef) -> CatalogRef:
        """Return `ref` with the catalog that has a model of just that name, a local one before the others.

        Raises:
            NotFound: none that was ever refreshed has; the nearest are listed.
        """
        await self.refresh_local()
        found = await self._services.look_up(lambda connection: _read.named(connection, ref.name))
        for entry in sorted(found, key=lambda each: not self._is_local(each.catalog)):
            if entry.catalog in self._services.plugins.catalogs:
                prefix = self._descriptor(entry.catalog).prefix
                return CatalogRef(catalog=prefix, name=entry.name, variant=ref.variant)
        raise choose_none(ref, await self._near(ref), list(self.prefixes))

    def _is_local(self, name: str) -> bool:
        return name in self._services.plugins.catalogs and self._descriptor(name).local

    async def _near(self, ref: CatalogRef) -> Sequence[str]:
        """Return the references of the indexed models of just that name, then of those that a search for it finds.

        Where a variant is named and no catalog, the name may be that of a catalog, mistyped: that comes first.
        """
        if ref.catalog is None and ref.variant and (meant := names.nearest(ref.name, list(self.prefixes))):
            return [f"{prefix}:{ref.variant}" for prefix in meant]
        name = ref.name
        words, here = Query(words=(name,)), Here(catalogs=tuple(self._services.plugins.catalogs))
        same = await self._services.look_up(lambda index: _read.named(index, name))
        hits = await self._services.look_up(lambda index: _read.find(index, words, _NEAR, here, Installed()))
        known = [*same, *(card.entry for card in hits.cards)]
        refs = dict.fromkeys(entry.ref for entry in known if entry.catalog in self._services.plugins.catalogs)
        return list(refs)[:_NEAR]

    async def name_nearest(self, ref: CatalogRef, error: NotFound) -> None:
        """Add the nearest of what is indexed to what a catalog says of a model that it has not."""
        itself = f"{ref.catalog}:{ref.name}".lower()
        near = [each for each in await self._near(ref) if each.lower() != itself]
        if near and "nearest" not in error.next_step and "There is" not in error.next_step:
            error.next_step = f"{error.next_step} The nearest: {', '.join(near)}.".lstrip()

    async def resolve(self, ref: str) -> Variant:
        """Return the variant that `ref` names, asking the catalogs of this machine at once where it names none.

        A name alone is told to nobody else: what somebody mistypes is no business of a server.

        Raises:
            NameInvalid: it is not a catalog reference.
            NotFound: no catalog has it.
            Ambiguous: several have it.
        """
        parsed = await self.parse(ref)
        if not isinstance(parsed, CatalogRef):
            raise NameInvalid(f"{ref} is not the name of a model in a catalog", next_step="papin catalogs list")
        known = self._services.plugins.catalogs
        local = [name for name in known if self._descriptor(name).local]
        asked = [self.prefixes[parsed.catalog]] if parsed.catalog else local
        found: list[Variant] = []
        problems: list[PapinError] = []

        async def ask(name: str) -> None:
            try:
                found.append(await self._resolve_in(name, parsed))
            except NotFound as error:
                if parsed.catalog:  # it knows best what it has not
                    await self.name_nearest(parsed, error)
                    problems.append(error)
            except PapinError as error:
                problems.append(error)

        async with trio.open_nursery() as nursery:
            for name in asked:
                nursery.start_soon(ask, name)
        near = [] if found else await self._near(parsed)
        elsewhere = [prefix for prefix, name in self.prefixes.items() if name not in asked and not parsed.catalog]
        return choose(parsed, found, problems, near, elsewhere)

    async def _resolve_in(self, name: str, ref: CatalogRef) -> Variant:
        """Return what a catalog has under a name; without a variant, the default choice for this machine."""
        session = await self._services.catalog(name)
        with self._guard(name):
            if ref.variant is not None or not isinstance(session, Describes):
                return await session.resolve(ref.name, ref.variant)
            entry = await session.entry(ref.name)
            here = await self.here()
            formats = {each for formats in here.providers.values() for each in formats}
            chosen = variants.choose(entry.variants, here.room, formats)
            if chosen is not None and chosen.files:
                return chosen
            return await session.resolve(ref.name, None if chosen is None else chosen.variant or None)
