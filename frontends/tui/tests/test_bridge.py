"""The kernel in its own thread: asked, cancelled, ended."""

import asyncio

import pytest
import trio

from papin import config, events
from papin.errors import Cancelled, NotFound
from papin_tui._bridge import open_bridge


def run(work):
    """Run `work(bridge)` with a bridge."""

    async def main():
        async with open_bridge(config.load(), offline=True) as (bridge, thread):
            return await work(bridge, thread)

    return asyncio.run(main())


def test_what_is_asked_is_answered_in_the_kernels_thread():
    async def work(bridge, _):
        async def ask(kernel):
            await trio.lowlevel.checkpoint()
            return trio.lowlevel.in_trio_run(), kernel.config.core.offline

        assert await bridge.ask(ask) == (True, True)

    run(work)


def test_an_expected_error_comes_back_and_the_kernel_goes_on():
    async def work(bridge, _):
        with pytest.raises(NotFound):
            await bridge.ask(lambda kernel: kernel.models.show("nothing"))
        assert await bridge.ask(lambda kernel: kernel.models.list()) == ()

    run(work)


def test_cancelling_the_question_cancels_the_work():
    async def work(bridge, _):
        began, ended = asyncio.Event(), asyncio.Event()
        tell_began = bridge.told(lambda _: began.set())
        tell_ended = bridge.told(lambda _: ended.set())

        async def ask(kernel):
            tell_began(None)
            try:
                await trio.sleep_forever()
            finally:
                tell_ended(None)

        question = asyncio.create_task(bridge.ask(ask))
        await began.wait()
        question.cancel()
        with pytest.raises(asyncio.CancelledError):
            await question
        await ended.wait()

    run(work)


def test_what_is_told_comes_in_order():
    async def work(bridge, _):
        heard = []
        tell = bridge.told(heard.append)

        async def ask(kernel):
            for number in range(100):
                tell(number)
            await trio.lowlevel.checkpoint()

        await bridge.ask(ask)
        assert heard == list(range(100))

    run(work)


def test_closing_cancels_what_is_asked_and_refuses_what_comes_later():
    async def work(bridge, thread):
        began = asyncio.Event()
        tell = bridge.told(lambda _: began.set())

        async def ask(kernel):
            tell(None)
            await trio.sleep_forever()

        question = asyncio.create_task(bridge.ask(ask))
        await began.wait()
        bridge.stop()
        with pytest.raises(Cancelled):
            await question
        await thread
        with pytest.raises(Cancelled):
            await bridge.ask(lambda kernel: kernel.models.list())

    run(work)


def test_recorded_and_passing_events_are_told(tmp_path):
    async def work(bridge, _):
        heard, both = [], asyncio.Event()

        def hear(event):
            heard.append(event)
            if {type(each) for each in heard} >= {events.PluginProblem, events.CleanupDone}:
                both.set()

        bridge.on_event = hear

        async def ask(kernel):
            problem = NotFound("a test").problem()
            kernel.bus.publish(events.PluginProblem(plugin="x", problem=problem))
            await kernel.storage.cleanup([])

        await bridge.ask(ask)
        await both.wait()
        assert len(heard) == len({type(each) for each in heard})  # each of them once

    run(work)


def test_a_bug_ends_the_kernel_and_is_raised():
    async def work(bridge, thread):
        async def ask(kernel):
            raise ZeroDivisionError

        with pytest.raises(Cancelled):
            await bridge.ask(ask)
        await asyncio.wait([thread])

    with pytest.raises(ZeroDivisionError):
        run(work)


def test_a_kernel_that_cannot_be_opened_says_why(home):
    home.parent.mkdir(exist_ok=True)
    home.write_text("a file where the folder should be")

    async def work(bridge, thread):
        raise AssertionError("it was opened")

    with pytest.raises(Exception) as caught:
        run(work)
    assert getattr(caught.value, "code", "").startswith("ERR_")
