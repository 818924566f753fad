"""Finding models: searching the index, rows to browse, and the page of one model."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import msgspec
import trio

from papin import query
from papin._index import _read, _write
from papin._index._installed import Recorded
from papin._operations import _rows
from papin._operations._advice import Advice
from papin._operations._catalogs import Catalogs
from papin._operations._refreshing import as_told
from papin._operations._remote_headers import remote_header
from papin._operations._services import Services
from papin._operations._sizing import sized
from papin.catalogs import Describes, Searches
from papin.discovery import Card, Found, ModelPage, Row
from papin.errors import NameInvalid, NotFound, PapinError, Problem
from papin.models import CatalogEntry, Header, HttpSource, Variant
from papin.names import CatalogRef
from papin.variants import by_size, choose, judge, stated

__all__ = ["Discovery"]

_AT_ONCE = 50
_LIMIT = 1000
_PATIENCE = 15.0  # seconds that a page waits for the header of a file


class Discovery:
    """What can be installed, searched and looked at before anything is."""

    def __init__(self, services: Services, catalogs: Catalogs, advice: Advice) -> None:
        self._services = services
        self._catalogs = catalogs
        self._advice = advice

    async def search(self, text: str = "", *, limit: int = 20, online: bool = False) -> Found:
        """Return what `text` finds in the index, in the language of `papin.query`; `online` asks the catalogs as well.

        What catalogs answer lands in the index before it is searched. Those that cannot be asked are left out.

        Raises:
            NameInvalid: a value in it cannot be understood, or the limit is not between 1 and 1000.
            NotFound: it names a provider that is not here.
        """
        _check_limit(limit)
        await self._catalogs.refresh_local()
        asked = query.parse(text, self._catalogs.prefixes)
        if online:
            await self._ask(asked)
        here = await self._catalogs.here()
        installed = await self._services.records.read(Recorded)
        find = partial(_read.find, query=asked, limit=limit, here=here, installed=installed)
        return await self._services.look_up(find)

    async def unasked(self) -> Sequence[str]:
        """Return the catalogs of which nothing is known yet: they were never refreshed, or never with success."""
        return await self._services.look_up(partial(_read.unasked, here=await self._catalogs.here()))

    async def complete(self, text: str) -> Sequence[str]:
        """Return what the last word of a search may become."""
        providers = sorted(self._services.plugins.providers)
        find = partial(_complete, text=text, providers=providers)
        return await self._services.look_up(find)

    async def _ask(self, asked: query.Query) -> None:
        async def one(name: str) -> None:
            about = self._services.plugins.catalogs[name].descriptor
            try:
                session = await self._services.catalog(name)
                if not isinstance(session, Searches):
                    return
                with self._services.sessions.guard(f"catalog {name}"):
                    told = await session.search(asked, _AT_ONCE)
                    found = as_told(tuple(told)[:_AT_ONCE], tuple[CatalogEntry, ...])
            except PapinError:
                return  # a search is answered by whoever can
            put = partial(_write.put_entries, catalog=name, prefix=about.prefix, entries=found)
            await self._services.index_change(put)

        async with trio.open_nursery() as nursery:
            for name in self._services.plugins.catalogs:
                nursery.start_soon(one, name)

    # --- rows ---

    async def rows(self, *, each: int = 4) -> tuple[Row, ...]:
        """Return all rows that have something to tell, with the first cards of each."""
        names = _rows.titles(self._services.plugins.providers)
        return _rows.telling([await self.browse(name, limit=each) for name in names])

    async def browse(self, row: str, *, limit: int = 20, task: str = "") -> Row:
        """Return the row of that name; all but the recently used fit on this machine.

        `task` is what the models of the row `recommended` are wanted for: `chat`, `code`, `vision` and so on.

        Raises:
            NotFound: there is no such row or task.
            NameInvalid: the limit is not between 1 and 1000, or a task was given for another row.
        """
        _check_limit(limit)
        task = _rows.task_of(task)
        if task and row != "recommended":
            raise NameInvalid(
                f"the row {row[:40]!a} is the same for every task",
                next_step=f"papin models browse recommended --task {task}",
            )
        providers = self._services.plugins.providers
        if row == "recommended":
            cards = await self._recommended(limit, task)
        elif row == "recent":
            models = await self._services.records.read(lambda read: read.models())
            cards = _rows.recent(models, (await self._catalogs.here()).room)
        else:
            found = await self.search(_rows.search_of(row, providers), limit=limit)
            cards = [card for card in found.cards if _rows.belongs(row, card.entry)]
        return Row(name=row, title=_rows.titles(providers, task)[row], cards=tuple(cards[:limit]))

    async def _recommended(self, limit: int, task: str) -> list[Card]:
        ranked = [each for each in await self._advice.recommend(task) if each.fits]
        entries = {variant.ref: entry for entry in await self._catalogs.promising(task) for variant in entry.variants}
        reasons: dict[str, tuple[CatalogEntry, str]] = {}
        for each in ranked:
            if entry := entries.get(each.ref):
                reasons.setdefault(entry.ref, (entry, _rows.reason_of(entry, each)))
        best = list(reasons.values())
        here = await self._catalogs.here()
        installed = await self._services.records.read(Recorded)
        wanted = [entry for entry, _ in best[:limit]]
        cards = await self._services.look_up(lambda index: _read.cards_of(index, wanted, here, installed))
        known = [(cards[entry.ref], reason) for entry, reason in best[:limit] if entry.ref in cards]
        return [msgspec.structs.replace(card, why=reason) for card, reason in known]

    # --- one model ---

    async def show(self, ref: str) -> ModelPage:
        """Return everything about a model that can be installed; what a catalog tells now, or told last.

        Raises:
            NameInvalid: it is not a catalog reference.
            NotFound: no catalog has it; the nearest are listed.
        """
        parsed = await self._catalogs.parse(ref)
        if not isinstance(parsed, CatalogRef):
            raise NameInvalid(f"{ref} is not the name of a model in a catalog", next_step="papin models search WORDS")
        if parsed.catalog is None:
            parsed = await self._catalogs.placed(parsed)
        catalog = self._catalogs.prefixes[parsed.catalog or ""]
        entry, problem = await self._entry(catalog, parsed)
        if problem is None:
            entry = await self._with_variant(catalog, parsed, entry)
        here = await self._catalogs.here()
        installed = await self._services.records.read(Recorded)
        formats = {each for formats in here.providers.values() for each in formats}
        chosen = choose(entry.variants, here.room, formats)
        header = None
        if problem is None and chosen is not None:
            sizes: dict[str, int] = {}
            told = entry
            header = await self._inside(_called(entry, parsed.variant) or chosen, sizes)
            with trio.move_on_after(_PATIENCE):
                entry = await sized(self._services.http, entry, sizes)
            if header is not None:
                entry = _told_by(header, entry, (_called(entry, parsed.variant) or chosen).ref)
            if entry != told:  # kept for the next search
                prefix = self._services.plugins.catalogs[catalog].descriptor.prefix
                put = partial(_write.put_entries, catalog=catalog, prefix=prefix, entries=(entry,))
                await self._services.index_change(put)
        origins = await self._services.records.read(lambda read: read.origins([each.ref for each in entry.variants]))
        judged = judge(entry.variants, here.room, formats, origins, header)
        return ModelPage(
            entry=entry,
            header=header,
            variants=judged,
            sources=await self._services.look_up(lambda connection: _read.same_as(connection, catalog, entry.name)),
            installed=await self._services.look_up(partial(_read.installed_of, entry=entry, installed=installed)),
            problem=problem,
        )

    async def _inside(self, variant: Variant, sizes: dict[str, int]) -> Header | None:
        """Return what the weights of a variant say of themselves, where their server tells within seconds."""
        first = next((file for file in variant.files if file.role == "weights"), None)
        if first is None or not any(isinstance(source, HttpSource) for source in first.sources):
            return None
        with trio.move_on_after(_PATIENCE), suppress(PapinError):
            return await remote_header(self._services, first, sizes)
        return None

    async def _entry(self, catalog: str, parsed: CatalogRef) -> tuple[CatalogEntry, Problem | None]:
        """Return what the catalog tells of a model now; where it cannot be asked, what it told, and why."""
        try:
            return await self._asked(catalog, parsed), None
        except NotFound as error:
            await self._catalogs.name_nearest(parsed, error)
            raise
        except PapinError as error:
            known = await self._services.look_up(lambda index: _read.entry_of(index, catalog, parsed.name))
            if known is None:
                raise
            return known, error.problem()

    async def _with_variant(self, catalog: str, parsed: CatalogRef, entry: CatalogEntry) -> CatalogEntry:
        """Return `entry` with the variant that is asked for: a catalog can have more than it lists.

        Raises:
            NotFound: it has none of that name.
        """
        if parsed.variant is None or _called(entry, parsed.variant):
            return entry
        session = await self._services.catalog(catalog)
        with self._services.sessions.guard(f"catalog {catalog}"):
            found = as_told(await session.resolve(parsed.name, parsed.variant), Variant)
        return msgspec.structs.replace(entry, variants=(*entry.variants, found))

    async def _asked(self, catalog: str, parsed: CatalogRef) -> CatalogEntry:
        session = await self._services.catalog(catalog)
        about = self._services.plugins.catalogs[catalog].descriptor
        with self._services.sessions.guard(f"catalog {catalog}"):
            if isinstance(session, Describes):
                entry = as_told(await session.entry(parsed.name), CatalogEntry)
                put = partial(_write.put_entries, catalog=catalog, prefix=about.prefix, entries=(entry,))
                await self._services.index_change(put)
                return entry
            known = await self._services.look_up(lambda index: _read.entry_of(index, catalog, parsed.name))
            if known is not None:
                return known
            variant = await session.resolve(parsed.name, parsed.variant)
        ref = str(msgspec.structs.replace(parsed, variant=None))
        return CatalogEntry(
            ref=ref,
            catalog=catalog,
            name=variant.name,
            title=variant.name,
            summary=variant.summary,
            license=variant.license,
            architecture=variant.architecture,
            parameters=variant.parameters,
            capabilities=variant.capabilities,
            context_length=variant.context_length,
            variants=(variant,),
        )


def _called(entry: CatalogEntry, variant: str | None) -> Variant | None:
    """Return the variant of that name, whatever its case."""
    return next((each for each in entry.variants if variant and each.variant.lower() == variant.lower()), None)


def _told_by(header: Header, entry: CatalogEntry, ref: str) -> CatalogEntry:
    """Return `entry` with what its catalog did not tell, and the file of its variant `ref` does."""
    sizes = len(by_size(entry.variants))
    return msgspec.structs.replace(
        entry,
        variants=tuple(stated(each, header) if each.ref == ref else each for each in entry.variants),
        architecture=entry.architecture or header.architecture,
        parameters=entry.parameters or (header.parameters if sizes == 1 else None),
        context_length=entry.context_length or header.context_length,
    )


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= _LIMIT:
        raise NameInvalid(f"{limit} is no number of models to show", next_step=f"Give one between 1 and {_LIMIT}.")


def _complete(connection: sqlite3.Connection, text: str, providers: Sequence[str]) -> list[str]:
    return query.complete(text, lambda key: providers if key == "provider" else _read.values(connection, key))
