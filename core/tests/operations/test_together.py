"""Work that is done once for several calls."""

import pytest
import trio
import trio.testing

from papin._operations._together import Together
from papin.errors import RegistryFailed


class Work:
    """Notes for what it is asked, and ends each piece of work only when it may; so many of them fail."""

    def __init__(self, refusals=0):
        self.refusals = refusals
        self.began = []
        self.at_work = trio.Event()
        self.may_end = trio.Event()

    async def do(self, wanted):
        self.began.append(sorted(wanted))
        self.at_work.set()
        await self.may_end.wait()
        if len(self.began) <= self.refusals:
            raise RegistryFailed("it is locked", next_step="Try again.")
        return tuple(self.began)

    @property
    def now(self):
        self.may_end.set()
        return self


class Asking:
    """Asks for work, and keeps the answers by what was wanted."""

    def __init__(self, work):
        self._together = Together(work.do)
        self.answers = {}

    async def __call__(self, name):
        self.answers[name] = await self._together.ask([name])


async def test_those_that_begin_together_share_one_piece_of_work():
    work = Work().now
    together = Together(work.do)
    async with trio.open_nursery() as nursery:
        for name in "abc":
            nursery.start_soon(together.ask, [name])
    assert work.began == [["a", "b", "c"]]
    assert await together.ask("d") == (["a", "b", "c"], ["d"])


async def test_who_asks_while_it_is_done_is_answered_by_work_that_begins_later():
    work = Work()
    ask = Asking(work)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, "first")
        await work.at_work.wait()
        nursery.start_soon(ask, "second")
        nursery.start_soon(ask, "third")
        await trio.testing.wait_all_tasks_blocked()
        work.may_end.set()
    assert ask.answers["first"] == (["first"],)
    assert ask.answers["second"] == ask.answers["third"] == (["first"], ["second", "third"])


@pytest.mark.parametrize("when", ["waiting", "at work"])
async def test_one_that_is_cancelled_takes_nobody_along(when):
    work = Work()
    ask = Asking(work)
    async with trio.open_nursery() as nursery:
        if when == "waiting":
            nursery.start_soon(ask, "before")
            await work.at_work.wait()
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as given_up:
                given_up.start_soon(ask, "given up")
                await trio.testing.wait_all_tasks_blocked()
                nursery.start_soon(ask, "stays")
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
        work.may_end.set()
    assert "given up" not in ask.answers
    assert ["stays"] in ask.answers["stays"]


async def test_when_it_fails_the_others_have_it_done_again():
    work = Work(refusals=1).now
    together = Together(work.do)
    ended = []

    async def ask(name):
        try:
            ended.append(await together.ask([name]))
        except RegistryFailed:
            ended.append("refused")

    async with trio.open_nursery() as nursery:
        for name in "abc":
            nursery.start_soon(ask, name)
    assert len(work.began[0]) == 3 > len(work.began[1]) == 2
    assert ended.count("refused") == 1
