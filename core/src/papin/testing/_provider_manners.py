from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from papin.context import Context
from papin.errors import PapinError
from papin.models import ModelSettings, Progress
from papin.providers import CAPABILITIES, Lists, Loads, Provider, Pulls, Reports
from papin.testing._provider_lists import ListSuite

__all__ = ["MannersSuite"]

AT_ONCE = 8
MOMENTS = (0.0, 0.0005, 0.003, 0.02)
"""Seconds after which a call is cancelled: at its first checkpoint, and somewhere in its middle."""


class MannersSuite(ListSuite):
    """How every provider behaves, whatever it can do: it can be cancelled, and answers many at once."""

    @pytest.fixture
    def pullable(self) -> str | None:
        """Return the name of a small model that the program does not have and can fetch now; None: no such."""
        return None

    def test_what_it_lacks_has_a_reason(self, descriptor: Provider) -> None:
        """The reasons are for capabilities that there are, each a plain line; the settings are papin's own words."""
        assert set(descriptor.lacks) <= set(CAPABILITIES)
        assert all(reason and reason.isprintable() for reason in descriptor.lacks.values())
        assert set(descriptor.accepts) <= set(ModelSettings.__struct_fields__)

    @pytest.mark.trio
    async def test_asked_many_times_at_once(self, descriptor: Provider, context: Context[Any]) -> None:
        """Everybody who asks at the same time gets the same answer."""
        async with self.opened(descriptor, context) as session:
            for ask in _questions(session):
                answers: list[object] = []

                async def note(ask: Callable[[], Awaitable[object]] = ask, into: list[object] = answers) -> None:
                    into.append(await _outcome(ask))

                async with trio.open_nursery() as nursery:
                    for _ in range(AT_ONCE):
                        nursery.start_soon(note)
                assert len({str(answer) for answer in answers}) == 1

    @pytest.mark.trio
    async def test_cancelled_at_any_moment(self, descriptor: Provider, context: Context[Any]) -> None:
        """A question that was cancelled ends, and the next one is answered as if nothing had been."""
        async with self.opened(descriptor, context) as session:
            for ask in _questions(session):
                expected = str(await _outcome(ask))
                for moment in MOMENTS:
                    with trio.move_on_after(moment):
                        await _outcome(ask)
                    assert str(await _outcome(ask)) == expected

    @pytest.mark.trio
    async def test_fetches_a_model(self, descriptor: Provider, context: Context[Any], pullable: str | None) -> None:
        """Cancelled it is not there; fetched it is, once; progress never goes back."""
        if pullable is None:
            pytest.skip("there is no model to fetch: override the fixture `pullable`")
        async with self.opened(descriptor, context) as session:
            if not (isinstance(session, Pulls) and isinstance(session, Lists)):
                pytest.skip("it does not fetch models")
            before = await _names(session)
            told: list[Progress] = []
            with trio.move_on_after(0):
                await session.pull(pullable, told.append)
            assert await _names(session) == before
            told.clear()
            await session.pull(pullable, told.append)
            done = [each.done for each in told]
            assert done == sorted(done), "progress went back"
            new = await _names(session) - before
            assert len(new) == 1
            await session.pull(pullable, told.append)
            assert await _names(session) - before == new


def _questions(session: object) -> list[Callable[[], Awaitable[object]]]:
    """Return the questions that change nothing."""
    found: list[Callable[[], Awaitable[object]]] = []
    if isinstance(session, Reports):
        found.append(session.engine)
    if isinstance(session, Lists):
        found.append(lambda: _models(session))
    if isinstance(session, Loads):
        found.append(lambda: _loaded(session))
    return found


async def _models(session: Lists) -> object:
    return sorted((await session.models()).models, key=lambda each: each.reference)


async def _names(session: Lists) -> set[str]:
    return {each.reference for each in (await session.models()).models}


async def _loaded(session: Loads) -> object:
    return sorted(each.reference for each in await session.loaded())


async def _outcome(ask: Callable[[], Awaitable[object]]) -> object:
    try:
        return await ask()
    except PapinError as error:
        return error.problem()
