from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from papin.context import Context
from papin.errors import Conflict, NameInvalid, NotFound
from papin.inventories import ProviderDetails
from papin.models import ModelSettings
from papin.providers import Configures, Copies, Lists, Provider, Removes, Renames, Shows
from papin.testing._described import DescribedSuite

__all__ = ["KeepingSuite"]

UNKNOWN = "papin-suite-no-such-model"
OTHER = "papin-suite-other"


class KeepingSuite(DescribedSuite):
    """What holds for every provider that tells of its models, changes, copies, renames or removes them."""

    @pytest.fixture
    def kept(self) -> str | None:
        """Return the provider's name of a model that it has and the tests may change and remove; None: no such."""
        return None

    @pytest.mark.trio
    async def test_what_it_does_not_have_is_not_found(self, descriptor: Provider, context: Context[Any]) -> None:
        """Whatever is asked of a model that is not there; and nothing is made of that name."""
        async with self.opened(descriptor, context) as session:
            if not await _is_here(session):
                pytest.skip("the program is not here")
            for call in _calls(session, UNKNOWN):
                with pytest.raises((NotFound, NameInvalid)):
                    await call()
            assert not await _has(session, UNKNOWN)
            assert not await _has(session, OTHER)

    @pytest.mark.trio
    async def test_shows_what_it_knows(self, descriptor: Provider, context: Context[Any], kept: str | None) -> None:
        """The details are of that model, and showing changes nothing."""
        async with self.keeping(descriptor, context, Shows, kept) as (session, reference):
            found = await session.show(reference)
            assert isinstance(found, ProviderDetails)
            assert found.reference == reference
            assert await session.show(reference) == found

    @pytest.mark.trio
    async def test_settings_are_set_and_taken_away(
        self, descriptor: Provider, context: Context[Any], kept: str | None
    ) -> None:
        """They have papin's names, are told as they were set, and None takes one away."""
        async with self.keeping(descriptor, context, Configures, kept) as (session, reference):
            before = dict(await session.settings(reference))
            assert set(before) <= set(ModelSettings.__struct_fields__)
            name = next((each for each in ("temperature", "top_p", "min_p") if each in descriptor.accepts), None)
            if name is None:
                pytest.skip("it accepts no setting that this test knows")
            await session.configure(reference, {name: 0.25})
            assert dict(await session.settings(reference)) == before | {name: 0.25}
            await session.configure(reference, {name: before.get(name)})
            assert dict(await session.settings(reference)) == before

    @pytest.mark.trio
    async def test_a_copy_is_a_second_name(self, descriptor: Provider, context: Context[Any], kept: str | None) -> None:
        """Both are there; a name that is taken is a conflict, and nothing happens."""
        async with self.keeping(descriptor, context, Copies, kept) as (session, reference):
            await session.copy(reference, OTHER)
            assert await _has(session, reference)
            assert await _has(session, OTHER)
            with pytest.raises(Conflict):
                await session.copy(reference, OTHER)

    @pytest.mark.trio
    async def test_a_renamed_model_has_the_other_name(
        self, descriptor: Provider, context: Context[Any], kept: str | None
    ) -> None:
        """It has the new name and no longer the old one."""
        async with self.keeping(descriptor, context, Renames, kept) as (session, reference):
            await session.rename(reference, OTHER)
            assert await _has(session, OTHER)
            assert not await _has(session, reference)

    @pytest.mark.trio
    async def test_a_removed_model_is_gone(self, descriptor: Provider, context: Context[Any], kept: str | None) -> None:
        """It is not listed any more, and removing it again finds nothing."""
        async with self.keeping(descriptor, context, Removes, kept) as (session, reference):
            await session.remove(reference)
            assert not await _has(session, reference)
            with pytest.raises(NotFound):
                await session.remove(reference)

    @asynccontextmanager
    async def keeping(
        self, descriptor: Provider, context: Context[Any], interface: type, kept: str | None
    ) -> AsyncIterator[tuple[Any, str]]:
        """Open a session that has `interface`, and the model `kept`, or skip."""
        if kept is None:
            pytest.skip("there is no model that may be changed: override the fixture `kept`")
        async with self.opened(descriptor, context) as session:
            if not isinstance(session, interface):
                pytest.skip(f"it does not have {interface.__name__}")
            yield session, kept


async def _is_here(session: Any) -> bool:
    return not isinstance(session, Lists) or (await session.models()).is_present


async def _has(session: Any, reference: str) -> bool:
    """Tell whether a model is listed; a tag that was left out may have been put behind the name."""
    if not isinstance(session, Lists):
        return False
    return any(
        each.reference.partition(":")[0] == reference.partition(":")[0] for each in (await session.models()).models
    )


def _calls(session: Any, reference: str) -> list[Callable[[], Awaitable[object]]]:
    """Return everything that may be asked about one model."""
    calls: list[Callable[[], Awaitable[object]]] = []
    if isinstance(session, Shows):
        calls.append(lambda: session.show(reference))
    if isinstance(session, Removes):
        calls.append(lambda: session.remove(reference))
    if isinstance(session, Configures):
        calls += [lambda: session.settings(reference), lambda: session.configure(reference, {})]
    if isinstance(session, Copies):
        calls.append(lambda: session.copy(reference, OTHER))
    if isinstance(session, Renames):
        calls.append(lambda: session.rename(reference, OTHER))
    return calls
