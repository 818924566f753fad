"""The suite for catalogs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, get_args

import msgspec
import pytest

from papin import names
from papin.catalogs import Catalog, Describes, Page, Refreshes, Searches
from papin.context import Context
from papin.errors import NameInvalid, NotFound, PapinError, TransferFailed
from papin.models import Capability, CatalogEntry, HttpSource, Variant, WantedFile
from papin.query import Query
from papin.testing._described import DescribedSuite

__all__ = ["HOSTILE", "CatalogSuite"]

MOST = 50
"""How many entries of a catalog are looked at one by one."""

LONGEST_STATE = 64 << 10
MOST_BITS = 64

HOSTILE = (
    "",
    ".",
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "C:\\windows\\system32",
    "name\x00",
    "name\n",
    "-rf",
    "a" * 5000,
    "%2e%2e%2f",
    "' or 1=1 --",
    "\u202egnp.exe",
    "n\u0430me",
    "\ud800",
)
"""Names that somebody may type or send to do harm."""


class CatalogSuite(DescribedSuite):
    """Override `descriptor`; and `known`, for a catalog that cannot tell what it has."""

    @pytest.fixture
    def known(self) -> tuple[str, ...]:
        """Return names that the catalog has, besides those that it tells of itself."""
        return ()

    def test_descriptor_is_well_formed(self, descriptor: Catalog) -> None:
        """A name and a prefix that can be typed, and a summary of one line."""
        parsed = names.parse(f"{descriptor.prefix}:x", catalogs=[descriptor.prefix])
        assert parsed == names.CatalogRef(catalog=descriptor.prefix, name="x")
        assert descriptor.summary
        assert "\n" not in descriptor.summary

    @pytest.mark.trio
    async def test_opens_and_closes_and_opens_again(self, descriptor: Catalog, context: Context[Any]) -> None:
        """Opening leaves nothing that a second opening trips over."""
        for _ in range(2):
            async with self.opened(descriptor, context) as session:
                assert callable(session.resolve)

    @pytest.mark.trio
    async def test_entries_are_told_the_same_way_each_time(self, descriptor: Catalog, context: Context[Any]) -> None:
        """From nothing, a refresh tells the same twice; a page that is the whole catalog tells no model twice."""
        pages = await self._pages(descriptor, context)
        assert [page.entries for page in pages] == [page.entries for page in await self._pages(descriptor, context)]
        for page in pages:
            told = [entry.name for entry in page.entries]
            assert not page.whole or len(told) == len(set(told))

    @pytest.mark.trio
    async def test_a_refresh_ends_and_then_finds_nothing_new(self, descriptor: Catalog, context: Context[Any]) -> None:
        """What its last page told as the state is enough to know that nothing has changed."""
        pages = await self._pages(descriptor, context)
        if not pages:
            return
        async with self.opened(descriptor, context) as session:
            again: Page = await session.refresh(pages[-1].state)
        assert (again.entries, again.gone, again.whole, again.more) == ((), (), False, False)
        assert len(again.state.encode()) <= LONGEST_STATE

    @pytest.mark.trio
    async def test_a_state_of_another_version_is_no_problem(self, descriptor: Catalog, context: Context[Any]) -> None:
        """A state that it never told, or told long ago, is taken as none."""
        pages = await self._pages(descriptor, context)
        if not pages:
            return
        async with self.opened(descriptor, context) as session:
            assert (await session.refresh("\x00 what is this? {")).entries == pages[0].entries

    @pytest.mark.trio
    async def test_entries_are_well_formed(self, descriptor: Catalog, context: Context[Any]) -> None:
        """References can be typed, capabilities are papin's words, numbers count something, times have a zone."""
        for entry in (entry for page in await self._pages(descriptor, context) for entry in page.entries):
            self.check_entry(descriptor, entry)

    @pytest.mark.trio
    async def test_a_search_finds_at_most_what_was_asked_for(
        self, descriptor: Catalog, context: Context[Any], known: tuple[str, ...]
    ) -> None:
        """What it finds is well formed; hostile words find nothing or are refused."""
        async with self.opened(descriptor, context) as session:
            if not isinstance(session, Searches):
                return
            for words in [*known, *HOSTILE]:
                try:
                    found = await session.search(Query(words=(words,)), 3)
                except PapinError:
                    assert words not in known, "it does not find what it is said to have"
                    continue
                assert len(found) <= 3  # noqa: PLR2004  what was asked for
                for entry in found:
                    self.check_entry(descriptor, entry)

    @pytest.mark.trio
    async def test_entries_resolve_to_themselves(
        self, descriptor: Catalog, context: Context[Any], known: tuple[str, ...]
    ) -> None:
        """Each variant of an entry is what its name resolves to, and the first one is the default."""
        told = [entry for page in await self._pages(descriptor, context) for entry in page.entries]
        async with self.reached(descriptor), self.opened(descriptor, context) as session:
            for entry in await self._described(session, told[:MOST], known):
                self.check_entry(descriptor, entry)
                for variant in entry.variants:
                    self.check_same(await session.resolve(entry.name, variant.variant or None), variant)
                if entry.variants:
                    self.check_same(await session.resolve(entry.name, None), entry.variants[0])

    @pytest.mark.trio
    async def test_variants_are_well_formed(
        self, descriptor: Catalog, context: Context[Any], known: tuple[str, ...]
    ) -> None:
        """References can be typed, files have plain names, sizes and digests are such, and there is a source."""
        told = [entry.name for page in await self._pages(descriptor, context) for entry in page.entries]
        async with self.reached(descriptor), self.opened(descriptor, context) as session:
            found = [await session.resolve(name, None) for name in (*told[:MOST], *known)]
        for variant in found:
            self.check_variant(descriptor, variant)
            for file in variant.files:
                self.check_sources(file, context)

    @pytest.mark.trio
    async def test_an_unknown_name_is_not_found(self, descriptor: Catalog, context: Context[Any]) -> None:
        """A name that nobody has is `NotFound`, and says what to do."""
        await self._refused(descriptor, context, "no-such-model-anywhere-4711", None)

    @pytest.mark.trio
    async def test_an_unknown_variant_is_not_found(
        self, descriptor: Catalog, context: Context[Any], known: tuple[str, ...]
    ) -> None:
        """A variant that a known model does not have is `NotFound` too."""
        told = [entry.name for page in await self._pages(descriptor, context) for entry in page.entries]
        for name in (*told, *known)[:MOST]:
            await self._refused(descriptor, context, name, "no_such_variant")

    @pytest.mark.trio
    @pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
    async def test_a_hostile_name_is_refused(self, descriptor: Catalog, context: Context[Any], name: str) -> None:
        """Names that climb, hide or never end are refused like unknown ones."""
        await self._refused(descriptor, context, name, None)
        await self._refused(descriptor, context, "no-such-model-anywhere-4711", name)

    def check_entry(self, descriptor: Catalog, entry: CatalogEntry) -> None:
        """Fail unless `entry` can be typed, and searched by its facts."""
        wanted = names.CatalogRef(catalog=descriptor.prefix, name=entry.name)
        assert names.parse(entry.ref, catalogs=[descriptor.prefix]) == wanted
        assert entry.catalog == descriptor.name
        assert entry.title
        for text in (entry.title, entry.license, entry.architecture, entry.publisher, entry.base_model):
            assert "\n" not in text
        assert set(entry.capabilities) <= set(get_args(Capability))
        assert all(each == each.lower() for each in entry.formats)
        for number in (entry.parameters, entry.context_length, entry.downloads, entry.likes):
            assert number is None or number >= 0
        for time in (entry.created_at, entry.updated_at):
            assert time is None or time.tzinfo
        told = [variant.variant for variant in entry.variants]
        assert len(told) == len(set(told))
        for variant in entry.variants:
            assert variant.size is None or variant.size > 0
            assert variant.bits_per_weight is None or 0 < variant.bits_per_weight <= MOST_BITS

    def check_same(self, resolved: Variant, told: Variant) -> None:
        """Fail unless `resolved` is what an entry told, which may leave out the files."""
        assert msgspec.structs.replace(resolved, files=told.files) == told if not told.files else resolved == told

    def check_variant(self, descriptor: Catalog, variant: Variant) -> None:
        """Fail unless `variant` can be typed, installed and verified."""
        wanted = names.CatalogRef(catalog=descriptor.prefix, name=variant.name, variant=variant.variant or None)
        assert names.parse(variant.ref, catalogs=[descriptor.prefix]) == wanted
        assert variant.catalog == descriptor.name
        assert variant.files
        for file in variant.files:
            self.check_file(file)
        plain = [file.name for file in variant.files]
        assert len(plain) == len(set(plain))

    def check_file(self, file: WantedFile) -> None:
        """Fail unless `file` has a plain name, a size and digest that are such, and a source."""
        assert names.check(file.name, "file") == file.name
        assert file.size is None or file.size > 0
        assert file.sha256 is None or names.check(file.sha256, "digest")
        assert file.sources

    def check_sources(self, file: WantedFile, context: Context[Any]) -> None:
        """Fail unless `file` comes from addresses, and from private ones only where the settings name them."""
        settings = msgspec.structs.asdict(context.settings).values()
        named = tuple(value for value in settings if isinstance(value, str) and value)
        for source in file.sources:
            if isinstance(source, HttpSource):
                assert isinstance(names.parse(source.url), names.UrlRef)
                assert not source.user_named or source.url.startswith(named)

    async def _pages(self, descriptor: Catalog, context: Context[Any]) -> list[Page]:
        """Return the pages of a refresh from nothing, at most `MOST` of them; none where it cannot refresh."""
        pages: list[Page] = []
        async with self.opened(descriptor, context) as session:
            if not isinstance(session, Refreshes):
                return pages
            async with self.reached(descriptor, is_here=descriptor.bundled):
                while (not pages or pages[-1].more) and len(pages) < MOST:
                    pages.append(await session.refresh(pages[-1].state if pages else ""))
                    assert len(pages[-1].state.encode()) <= LONGEST_STATE
        return pages

    @asynccontextmanager
    async def reached(self, descriptor: Catalog, *, is_here: bool = False) -> AsyncIterator[None]:
        """Skip where a catalog that is not of this machine cannot be reached, unless what is asked of it `is_here`."""
        try:
            yield
        except TransferFailed as error:
            if descriptor.local or is_here:
                raise
            pytest.skip(f"it cannot be reached: {error.message}")

    async def _described(
        self, session: Any, told: Sequence[CatalogEntry], known: tuple[str, ...]
    ) -> Sequence[CatalogEntry]:
        if not isinstance(session, Describes):
            return told
        return [await session.entry(name) for name in dict.fromkeys([*(entry.name for entry in told), *known])]

    async def _refused(self, descriptor: Catalog, context: Context[Any], name: str, variant: str | None) -> None:
        expected = (NotFound, NameInvalid) if descriptor.local else PapinError
        async with self.opened(descriptor, context) as session:
            with pytest.raises(expected) as caught:
                await session.resolve(name, variant)
        assert len(caught.value.message) < 1000, "it repeats what was typed, whatever its length"  # noqa: PLR2004  a few lines
