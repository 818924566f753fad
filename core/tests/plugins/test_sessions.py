"""Sessions: opened once by whoever asks first, each in a task of its own, none able to take another one down."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from papin._plugins import Opener, hold_sessions
from papin.errors import EngineMissing, NotFound, PluginFailed, StorageFailed
from papin.events import PluginProblem


class Probe:
    """Opens sessions and remembers what became of them."""

    def __init__(self):
        self.opened = 0
        self.closed = 0
        self.crash = trio.Event()

    @asynccontextmanager
    async def good(self):
        self.opened += 1
        try:
            await trio.lowlevel.checkpoint()
            yield f"session {self.opened}"
        finally:
            await trio.lowlevel.checkpoint()
            self.closed += 1

    def crashing(self, error):
        @asynccontextmanager
        async def opening():
            async def background():
                await self.crash.wait()
                raise error

            async with trio.open_nursery() as nursery:
                nursery.start_soon(background)
                yield "bad"

        return opening

    def failing(self, error):
        @asynccontextmanager
        async def opening():
            self.opened += 1
            await trio.lowlevel.checkpoint()
            raise error
            yield

        return opening


@asynccontextmanager
async def holding(**openers):
    events = []
    named = {name: Opener(plugin=f"plugin-{name}", open=opening) for name, opening in openers.items()}
    async with hold_sessions(named, events.append) as sessions:
        yield sessions, events


async def test_a_session_is_opened_by_its_first_user_and_closed_at_the_end():
    probe, other = Probe(), Probe()
    async with holding(good=probe.good, other=other.good) as (sessions, events):
        assert probe.opened == 0
        assert await sessions.use("good") == "session 1"
        assert await sessions.use("good") == "session 1"
        assert sessions.live() == ("good",)
    assert (probe.opened, probe.closed, other.opened) == (1, 1, 0)
    assert events == []


async def test_two_who_ask_at_once_get_the_same_session():
    probe, got = Probe(), []

    async def ask():
        got.append(await sessions.use("good"))

    async with holding(good=probe.good) as (sessions, _), trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(ask)
    assert got == ["session 1"] * 10


async def test_a_user_who_is_cancelled_leaves_the_opening_to_the_others():
    probe, gate = Probe(), trio.Event()

    @asynccontextmanager
    async def slow():
        await gate.wait()
        async with probe.good() as session:
            yield session

    async def impatient():
        with scope:
            await sessions.use("slow")

    async with holding(slow=slow) as (sessions, _), trio.open_nursery() as nursery:
        scope = trio.CancelScope()
        nursery.start_soon(impatient)
        await wait_all_tasks_blocked()
        scope.cancel()
        await wait_all_tasks_blocked()
        assert scope.cancelled_caught
        gate.set()
        assert await sessions.use("slow") == "session 1"
    assert probe.opened == 1


async def test_an_unknown_name_is_not_found():
    async with holding() as (sessions, _):
        with pytest.raises(NotFound, match="No installed plugin has provider x"):
            await sessions.use("provider x")
        assert sessions.problem("provider x") is None


@pytest.mark.parametrize(
    "error", [ValueError("no"), SystemExit(1), MemoryError(), RecursionError(), ExceptionGroup("g", [ValueError("no")])]
)
async def test_a_crash_in_open_is_that_session_only(error):
    probe, bad = Probe(), Probe()
    async with holding(bad=bad.failing(error), good=probe.good) as (sessions, events):
        for _ in range(2):
            with pytest.raises(PluginFailed, match="bad of plugin plugin-bad crashed: ") as caught:
                await sessions.use("bad")
        assert "plugin-bad" in caught.value.next_step
        assert await sessions.use("good") == "session 1"
        assert [(event.plugin, type(event)) for event in events] == [("plugin-bad", PluginProblem)]
        assert sessions.problem("bad") == events[0].problem
    assert bad.opened == 1
    assert probe.closed == 1


@pytest.mark.parametrize("error", [ValueError("later"), SystemExit(1)])
async def test_a_crash_after_opening_is_that_session_only(error):
    probe = Probe()
    async with holding(bad=probe.crashing(error), good=probe.good) as (sessions, events):
        assert await sessions.use("bad") == "bad"
        await sessions.use("good")
        probe.crash.set()
        await wait_all_tasks_blocked()
        assert sessions.live() == ("good",)
        assert [event.plugin for event in events] == ["plugin-bad"]
        with pytest.raises(PluginFailed, match=type(error).__name__):
            await sessions.use("bad")
        assert await sessions.use("good") == "session 1"
    assert probe.closed == 1


async def test_the_cause_of_a_crash_is_kept():
    async with holding(bad=Probe().failing(ValueError("deep"))) as (sessions, _):
        with pytest.raises(PluginFailed) as caught:
            await sessions.use("bad")
    assert repr(caught.value.__cause__.__cause__) == "ValueError('deep')"


async def test_an_expected_error_keeps_its_kind_and_opening_is_tried_again():
    probe = Probe()
    failures = [StorageFailed("the disk is not there", next_step="Mount it."), EngineMissing("none")]

    @asynccontextmanager
    async def moody():
        if failures:
            raise failures.pop(0)
        async with probe.good() as session:
            yield session

    async with holding(moody=moody) as (sessions, events):
        with pytest.raises(StorageFailed, match="the disk is not there") as caught:
            await sessions.use("moody")
        assert caught.value.next_step == "Mount it."
        with pytest.raises(EngineMissing):
            await sessions.use("moody")
        assert await sessions.use("moody") == "session 1"
        assert sessions.problem("moody") is None
        assert [event.problem.code for event in events] == ["ERR_STORAGE", "ERR_ENGINE_MISSING"]


async def test_a_sync_error_before_opening_is_contained():
    def opening():
        raise StorageFailed("its folder cannot be made")

    async with holding(bad=opening) as (sessions, _):
        with pytest.raises(StorageFailed):
            await sessions.use("bad")


@pytest.mark.parametrize("kind", ["coroutine", "generator", "value"])
async def test_what_is_no_context_manager_is_told(kind):
    async def coroutine():
        return "session"

    async def generator():
        yield "session"

    def value():
        return "session"

    async with holding(odd={"coroutine": coroutine, "generator": generator, "value": value}[kind]) as (sessions, _):
        with pytest.raises(PluginFailed, match="it must be an asynccontextmanager function"):
            await sessions.use("odd")


async def test_one_that_never_opens_is_given_up(autojump_clock):
    probe = Probe()

    @asynccontextmanager
    async def stuck():
        await trio.sleep_forever()
        yield

    async with holding(stuck=stuck, good=probe.good) as (sessions, events):
        with pytest.raises(PluginFailed, match="did not open within 30 s"):
            await sessions.use("stuck")
        assert await sessions.use("good") == "session 1"
        assert len(events) == 1


async def test_an_open_session_lasts_as_long_as_the_kernel(autojump_clock):
    probe = Probe()
    async with holding(good=probe.good) as (sessions, events):
        await sessions.use("good")
        await trio.sleep(80_000)
        assert sessions.live() == ("good",)
    assert probe.closed == 1
    assert events == []


async def test_closing_is_bounded_and_all_close_at_once(autojump_clock):
    probe = Probe()

    @asynccontextmanager
    async def clinging():
        try:
            yield "clinging"
        finally:
            with trio.CancelScope(shield=False):
                await trio.sleep_forever()

    async with holding(one=clinging, two=clinging, good=probe.good) as (sessions, events):
        for name in ("one", "two", "good"):
            await sessions.use(name)
        began = trio.current_time()
    assert trio.current_time() - began == pytest.approx(3)
    assert probe.closed == 1
    assert sorted(event.problem.message for event in events) == [
        "one of plugin plugin-one did not close within 3 s",
        "two of plugin plugin-two did not close within 3 s",
    ]


async def test_sessions_may_await_while_closing_though_everything_is_cancelled():
    probe = Probe()
    with trio.CancelScope() as scope:
        async with holding(good=probe.good) as (sessions, _):
            await sessions.use("good")
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert probe.closed == 1


async def test_an_error_of_the_body_is_not_lost_and_closes_the_sessions():
    probe = Probe()

    async def body():
        async with holding(good=probe.good) as (sessions, _):
            await sessions.use("good")
            raise ValueError("of the body")

    with pytest.raises(ExceptionGroup) as caught:
        await body()
    assert caught.group_contains(ValueError, match="of the body")
    assert probe.closed == 1


async def test_a_session_that_is_still_opening_when_all_ends(autojump_clock):
    probe = Probe()

    @asynccontextmanager
    async def slow():
        await trio.sleep(1)
        async with probe.good() as session:
            yield session

    async def ask():
        with pytest.raises(PluginFailed, match="slow is closing"):
            await sessions.use("slow")

    async with trio.open_nursery() as nursery, holding(slow=slow) as (sessions, events):
        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
    assert probe.opened == probe.closed
    assert events == []
    with pytest.raises(PluginFailed, match="slow is closing"):
        await sessions.use("slow")


async def test_a_crash_while_closing_is_told():
    @asynccontextmanager
    async def sour():
        yield "sour"
        raise ValueError("at the end")

    async with holding(sour=sour) as (sessions, events):
        await sessions.use("sour")
    assert "sour of plugin plugin-sour crashed: ValueError: at the end" in events[0].problem.message


async def test_ctrl_c_is_not_swallowed():
    with pytest.raises(BaseExceptionGroup) as caught:
        async with holding(bad=Probe().failing(KeyboardInterrupt())) as (sessions, _):
            await sessions.use("bad")
    assert caught.group_contains(KeyboardInterrupt)


async def test_the_guard_turns_bugs_of_a_call_into_plugin_problems():
    async with holding(good=Probe().good) as (sessions, events):
        await sessions.use("good")
        with (
            pytest.raises(PluginFailed, match="good of plugin plugin-good failed: TypeError: bug"),
            sessions.guard("good"),
        ):
            raise TypeError("bug")
        with pytest.raises(EngineMissing), sessions.guard("good"):
            raise EngineMissing("expected")
        assert [event.plugin for event in events] == ["plugin-good"]
        assert await sessions.use("good") == "session 1"
