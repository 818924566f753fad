"""The suite for catalogs."""

from __future__ import annotations

from typing import Any

import pytest

from papin import names
from papin.catalogs import Browses, Catalog
from papin.context import Context
from papin.errors import NameInvalid, NotFound, PapinError
from papin.models import CatalogEntry, HttpSource, Variant, WantedFile
from papin.testing._described import DescribedSuite

__all__ = ["HOSTILE", "CatalogSuite"]

MOST = 50
"""How many entries of a catalog are looked at one by one."""

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
        """The order is meant to be shown, so it does not change by itself; no model is told twice."""
        entries = await self._entries(descriptor, context)
        assert entries == await self._entries(descriptor, context)
        told = [entry.name for entry in entries]
        assert len(told) == len(set(told))

    @pytest.mark.trio
    async def test_entries_resolve_to_themselves(self, descriptor: Catalog, context: Context[Any]) -> None:
        """Each variant of an entry is what its name resolves to, and the first one is the default."""
        entries = await self._entries(descriptor, context)
        async with self.opened(descriptor, context) as session:
            for entry in entries[:MOST]:
                assert entry.catalog == descriptor.name
                for variant in entry.variants:
                    assert await session.resolve(entry.name, variant.variant) == variant
                if entry.variants:
                    assert await session.resolve(entry.name, None) == entry.variants[0]

    @pytest.mark.trio
    async def test_variants_are_well_formed(
        self, descriptor: Catalog, context: Context[Any], known: tuple[str, ...]
    ) -> None:
        """References can be typed, files have plain names, sizes and digests are such, and there is a source."""
        found = [variant for entry in await self._entries(descriptor, context) for variant in entry.variants]
        async with self.opened(descriptor, context) as session:
            found += [await session.resolve(name, None) for name in known]
        for variant in found:
            self.check_variant(descriptor, variant)

    @pytest.mark.trio
    async def test_an_unknown_name_is_not_found(self, descriptor: Catalog, context: Context[Any]) -> None:
        """A name that nobody has is `NotFound`, and says what to do."""
        await self._refused(descriptor, context, "no-such-model-anywhere-4711", None)

    @pytest.mark.trio
    async def test_an_unknown_variant_is_not_found(
        self, descriptor: Catalog, context: Context[Any], known: tuple[str, ...]
    ) -> None:
        """A variant that a known model does not have is `NotFound` too."""
        told = [entry.name for entry in await self._entries(descriptor, context)]
        for name in (*told, *known)[:MOST]:
            await self._refused(descriptor, context, name, "no_such_variant")

    @pytest.mark.trio
    @pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
    async def test_a_hostile_name_is_refused(self, descriptor: Catalog, context: Context[Any], name: str) -> None:
        """Names that climb, hide or never end are refused like unknown ones."""
        await self._refused(descriptor, context, name, None)
        await self._refused(descriptor, context, "no-such-model-anywhere-4711", name)

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
        for source in file.sources:
            if isinstance(source, HttpSource):
                assert isinstance(names.parse(source.url), names.UrlRef)
                assert not source.user_named

    async def _entries(self, descriptor: Catalog, context: Context[Any]) -> tuple[CatalogEntry, ...]:
        async with self.opened(descriptor, context) as session:
            if not isinstance(session, Browses):
                return ()
            try:
                return tuple(await session.entries())
            except PapinError:
                if descriptor.local:
                    raise
                pytest.skip("it cannot be reached")

    async def _refused(self, descriptor: Catalog, context: Context[Any], name: str, variant: str | None) -> None:
        expected = (NotFound, NameInvalid) if descriptor.local else PapinError
        async with self.opened(descriptor, context) as session:
            with pytest.raises(expected) as caught:
                await session.resolve(name, variant)
        assert len(caught.value.message) < 1000, "it repeats what was typed, whatever its length"  # noqa: PLR2004  a few lines
