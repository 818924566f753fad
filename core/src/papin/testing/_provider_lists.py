from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from papin.context import Context
from papin.inventories import Listing, is_current
from papin.models import Model
from papin.providers import Lists, Provider, Shares
from papin.testing._described import DescribedSuite

__all__ = ["ListSuite"]

SHARED_AS = "papin-suite-shared"


class ListSuite(DescribedSuite):
    """What holds for every provider that lists models, and that takes papin's."""

    @pytest.fixture
    def stranger(self) -> tuple[Model, tuple[Path, ...]] | None:
        """Return a model that the provider could run and does not have, and the paths of its files; None: no such."""
        return None

    @pytest.mark.trio
    async def test_lists_what_it_has(self, descriptor: Provider, context: Context[Any]) -> None:
        """Each model once, by a name that can be shown; sizes in bytes; files that are where it says they are."""
        async with self.opened(descriptor, context) as session:
            if not isinstance(session, Lists):
                pytest.skip("it does not list models")
            listing = await session.models()
            _check_listing(listing)
            again = await session.models()
            assert sorted(again.models, key=_name) == sorted(listing.models, key=_name)

    @pytest.mark.trio
    async def test_a_list_that_is_true_says_so(self, descriptor: Provider, context: Context[Any]) -> None:
        """Where a list has stamps, they tell that nothing has changed since; asking changes nothing."""
        async with self.opened(descriptor, context) as session:
            if not isinstance(session, Lists):
                pytest.skip("it does not list models")
            listing = await session.models()
            await session.models()
            # A folder that changed at this very moment has a stamp that is never true, so as to be read once more.
            assert is_current(each for each in listing.stamps if each.mtime_ns is None or each.mtime_ns >= 0)

    @pytest.mark.trio
    async def test_shares_and_takes_back(
        self, descriptor: Provider, context: Context[Any], stranger: tuple[Model, tuple[Path, ...]] | None
    ) -> None:
        """What is shared is listed, without a second copy; taken back it is not; the files stay as they are."""
        if stranger is None:
            pytest.skip("there is no model to share: override the fixture `stranger`")
        wanted, paths = stranger
        before = [path.read_bytes() for path in paths]
        async with self.opened(descriptor, context) as session:
            if not isinstance(session, Shares):
                pytest.skip("it takes no models of papin")
            placement = await session.share(wanted, paths, name=SHARED_AS, copy=False)
            assert placement.provider == descriptor.name
            assert placement.how != "copy"
            assert (await session.share(wanted, paths, name=SHARED_AS, copy=False)).reference == placement.reference
            if isinstance(session, Lists):
                assert placement.reference in {each.reference for each in (await session.models()).models}
            await session.unshare(placement.reference)
            await session.unshare(placement.reference)
            if isinstance(session, Lists):
                assert placement.reference not in {each.reference for each in (await session.models()).models}
        assert [path.read_bytes() for path in paths] == before


def _name(model: Any) -> str:
    return str(model.reference)


def _check_listing(listing: Listing) -> None:
    assert isinstance(listing, Listing)
    assert listing.is_present or not listing.models
    names = [each.reference for each in listing.models]
    assert len(set(names)) == len(names), "a name twice"
    for each in listing.models:
        assert each.reference
        assert each.reference.isprintable()
        assert each.size >= 0
        for file in each.files:
            assert file.name
            assert file.size >= 0
            assert not file.path or Path(file.path).is_absolute()
            if file.path and each.state == "ready":
                assert Path(file.path).stat().st_size == file.size, file.path
