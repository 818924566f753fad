"""The bus: no publisher waits, and every event is either delivered or counted as missed."""

from __future__ import annotations

import random

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from papin._bus import Bus
from papin.events import (
    DownloadQueued,
    Lagged,
    ModelInstalled,
    UnknownEvent,
    decode,
)


def event(number):
    return ModelInstalled(model=str(number))


def number_of(frame):
    return int(frame.envelope.event.model)


async def test_everybody_gets_everything_in_order():
    bus, got = Bus(), {}

    async def read(name, subscription):
        async for frame in subscription:
            got.setdefault(name, []).append(number_of(frame))

    async with trio.open_nursery() as nursery:
        with bus.subscribe() as one, bus.subscribe() as two:
            nursery.start_soon(read, "one", one)
            nursery.start_soon(read, "two", two)
            for number in range(200):
                bus.publish(event(number))
            bus.close()
            await wait_all_tasks_blocked()
    assert got == {"one": list(range(200)), "two": list(range(200))}


async def test_what_was_published_before_is_not_delivered():
    bus = Bus()
    bus.publish(event(0))
    with bus.subscribe() as events:
        bus.publish(event(1))
        assert number_of(await anext(events)) == 1
        assert bus.statistics().waiting == 0


async def test_a_listener_that_waits_is_woken():
    bus, got = Bus(), []

    async def read():
        got.append(await anext(events))

    async with trio.open_nursery() as nursery:
        with bus.subscribe() as events:
            nursery.start_soon(read)
            await wait_all_tasks_blocked()
            assert got == []
            bus.publish(event(7))
            await wait_all_tasks_blocked()
    assert number_of(got[0]) == 7


async def test_one_that_is_slow_is_told_how_many_it_missed_in_one_gap():
    bus = Bus()
    with bus.subscribe(capacity=3) as slow, bus.subscribe() as quick:
        for number in range(10):
            bus.publish(event(number))
        frames = [await anext(slow) for _ in range(4)]
        assert [number_of(frame) for frame in frames[:3]] == [0, 1, 2]
        assert frames[3].envelope.event == Lagged(missed=7)
        assert frames[3].envelope.seq is None
        bus.publish(event(10))
        assert number_of(await anext(slow)) == 10
        assert [number_of(await anext(quick)) for _ in range(11)] == list(range(11))


async def test_nothing_is_queued_between_a_gap_and_the_telling_of_it():
    bus = Bus()
    with bus.subscribe(capacity=2) as slow:
        for number in range(4):
            bus.publish(event(number))
        assert number_of(await anext(slow)) == 0
        bus.publish(event(4))
        assert number_of(await anext(slow)) == 1
        assert (await anext(slow)).envelope.event == Lagged(missed=3)
        bus.publish(event(5))
        assert number_of(await anext(slow)) == 5


@pytest.mark.parametrize("seed", range(20))
async def test_delivered_and_missed_are_all_that_was_published(seed):
    rng, bus, expected, published = random.Random(seed), Bus(), 0, 0
    with bus.subscribe(capacity=rng.randrange(1, 8)) as events:
        for _ in range(300):
            if rng.random() < 0.6:
                bus.publish(event(published))
                published += 1
            elif expected < published:
                told = (await anext(events)).envelope.event
                if isinstance(told, Lagged):
                    expected += told.missed
                else:
                    assert int(told.model) == expected
                    expected += 1
        bus.close()
        async for frame in events:
            told = frame.envelope.event
            expected += told.missed if isinstance(told, Lagged) else 1
        assert expected == published
        counts = bus.statistics()
        assert counts.delivered + counts.missed == counts.published == published


async def test_publishing_never_waits_for_anybody():
    bus = Bus()
    with bus.subscribe(capacity=1), bus.subscribe(capacity=1):
        for number in range(10_000):
            bus.publish(event(number))  # were it to wait, this test would not end: nobody reads
        counts = bus.statistics()
    assert (counts.published, counts.delivered, counts.missed, counts.waiting) == (10_000, 0, 2 * 9_999, 2)


async def test_an_event_is_encoded_once_for_all():
    bus = Bus()
    with bus.subscribe() as one, bus.subscribe() as two:
        bus.publish(event(1))
        first, second = await anext(one), await anext(two)
    assert first.data is second.data
    assert decode(first.data) == first.envelope


async def test_a_journalled_envelope_keeps_its_number_and_an_unknown_one_its_bytes():
    bus = Bus()
    raw = b'{"at":"2026-01-01T00:00:00Z","event":{"type":"acme.indexed","n":[1,2]},"seq":12}'
    with bus.subscribe() as events:
        bus.publish_envelope(decode(raw))
        frame = await anext(events)
    assert isinstance(frame.envelope.event, UnknownEvent)
    assert frame.envelope.seq == 12
    assert frame.data == raw


async def test_leaving_ends_the_subscription():
    bus = Bus()
    with bus.subscribe() as events:
        assert bus.statistics().subscribers == 1
        bus.publish(event(1))
    bus.publish(event(2))
    counts = bus.statistics()
    assert counts.subscribers == 0
    assert counts.delivered + counts.missed == 1
    assert [number_of(frame) async for frame in events] == [1]


async def test_a_listener_that_is_cancelled_harms_nobody():
    bus = Bus()

    async def read(scope, subscription):
        with scope:
            await anext(subscription)

    with bus.subscribe() as one, bus.subscribe() as two:
        async with trio.open_nursery() as nursery:
            scope = trio.CancelScope()
            nursery.start_soon(read, scope, one)
            await wait_all_tasks_blocked()
            scope.cancel()
        bus.publish(event(1))
        assert number_of(await anext(one)) == number_of(await anext(two)) == 1


async def test_closing_wakes_those_who_wait():
    bus, ended = Bus(), []

    async def read():
        async for _ in events:
            pass
        ended.append(True)

    async with trio.open_nursery() as nursery:
        with bus.subscribe() as events:
            nursery.start_soon(read)
            await wait_all_tasks_blocked()
            bus.close()
    assert ended == [True]


async def test_a_busy_listener_lets_other_tasks_run():
    bus, turns = Bus(), []

    async def other():
        while not turns or turns[-1] != "end":
            turns.append("other")
            await trio.lowlevel.checkpoint()

    with bus.subscribe(capacity=10_000) as events:
        for number in range(1_000):
            bus.publish(event(number))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(other)
            for _ in range(1_000):
                await anext(events)
            assert turns.count("other") >= 10
            nursery.cancel_scope.cancel()


async def test_threads_may_publish():
    bus = Bus()

    def work():
        for number in range(100):
            bus.publish(event(number))

    with bus.subscribe() as events:
        await trio.to_thread.run_sync(work)
        assert [number_of(await anext(events)) for _ in range(100)] == list(range(100))


def test_a_bus_without_listeners_needs_no_loop():
    bus = Bus()
    bus.publish(DownloadQueued(job="j", subject="s"))
    assert bus.statistics().published == 1
