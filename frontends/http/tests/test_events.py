"""Events as they are streamed: resumed without a loss, live progress in between, nobody waits for a slow reader."""

import trio

from papin.errors import Problem
from papin.events import DownloadProgressed, ModelChanged, ModelInstalled, PluginProblem, UnknownEvent, encode
from papin.models import Progress
from papin_http._routes import events as route

from .client import until
from .conftest import serving

EVENTS = "/api/v1/events"


async def take(stream, count):
    """Return the next `count` events of an open stream."""
    found = []
    async for event in stream:
        found.append(event)
        if len(found) == count:
            return found
    raise AssertionError(f"the stream ended after {found}")


async def test_the_head_says_what_it_is(client, kernel):
    kernel.journal.record(ModelChanged(model="a"))
    async with client.stream("GET", EVENTS) as stream:
        head = await stream.start()
        assert head.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert head.headers["cache-control"] == "no-store"
        assert await anext(stream.blocks()) == {"retry": "1000", "id": "1"}


async def test_without_a_number_the_stream_begins_now(client, kernel):
    kernel.journal.record(ModelChanged(model="before"))
    async with client.stream("GET", EVENTS) as stream:
        await stream.start()
        blocks = stream.blocks()
        await anext(blocks)
        kernel.journal.record(ModelInstalled(model="after"))
        block = await anext(blocks)
        assert block["id"] == "2"
        assert block["data"].encode() == encode(kernel.journal.recorded[1])


async def test_since_begins_after_that_number(client, kernel):
    for number in range(5):
        kernel.journal.record(ModelChanged(model=str(number)))
    async with client.stream("GET", f"{EVENTS}?since=3") as stream:
        await stream.start()
        assert [seq for seq, _ in await take(stream.events(), 2)] == [4, 5]


async def test_a_dropped_reader_resumes_without_a_loss(client, kernel):
    seen, last = [], "0"
    for round_ in range(5):
        for number in range(round_ * 3 + 1):
            kernel.journal.record(ModelChanged(model=f"{round_}.{number}"))
        async with client.stream("GET", f"{EVENTS}?since=0", Last_Event_ID=last) as stream:
            await stream.start()
            count = len(kernel.journal.recorded) - len(seen)
            seen += await take(stream.events(), count)
            last = str(seen[-1][0])
    assert [seq for seq, _ in seen] == [envelope.seq for envelope in kernel.journal.recorded]
    await until(lambda: kernel.journal.followers == 0)


async def test_a_header_wins_over_the_parameter_and_must_be_a_number(client, kernel):
    kernel.journal.record(ModelChanged(model="a"))
    kernel.journal.record(ModelChanged(model="b"))
    async with client.stream("GET", f"{EVENTS}?since=0", Last_Event_ID="1") as stream:
        await stream.start()
        assert (await take(stream.events(), 1))[0][0] == 2
    for wrong in ("x", "-1", "1.5", "9" * 30, "1\xb2"):
        answer = await client.ask("GET", EVENTS, Last_Event_ID=wrong)
        assert (answer.status, answer.json()["code"]) == (400, "ERR_USAGE")


async def test_a_number_from_a_journal_that_is_no_more_tells_to_read_the_state_again(client, kernel):
    kernel.journal.record(ModelChanged(model="a"))
    async with client.stream("GET", EVENTS, Last_Event_ID="500") as stream:
        await stream.start()
        events = stream.events()
        assert await anext(events) == (None, {"type": "lagged", "missed": 499})
        kernel.journal.record(ModelChanged(model="b"))
        assert (await anext(events))[0] == 2


async def test_progress_comes_in_between_without_a_number(client, kernel):
    async with client.stream("GET", EVENTS) as stream:
        await stream.start()
        events = stream.events()
        await until(lambda: kernel.bus.subscriptions and kernel.journal.followers)
        kernel.journal.tell(DownloadProgressed(job="j", progress=Progress(phase="downloading", done=1)))
        seq, event = await anext(events)
        assert (seq, event["type"], event["progress"]["done"]) == (None, "download_progressed", 1)
        kernel.journal.record(ModelChanged(model="a"))
        assert await anext(events) == (1, {"type": "model_changed", "model": "a"})


async def test_what_plugins_say_stays_data(client, kernel):
    hostile = "\n\nevent: execute\ndata: <img src=x onerror=alert(1)>\r\n\r\nid: 99"
    async with client.stream("GET", EVENTS) as stream:
        await stream.start()
        blocks = stream.blocks()
        await anext(blocks)
        await until(lambda: kernel.bus.subscriptions and kernel.journal.followers)
        kernel.journal.tell(PluginProblem(plugin=hostile, problem=Problem(code="X", title="x", message=hostile)))
        block = await anext(blocks)
        assert set(block) == {"data"}
        kernel.journal.record(UnknownEvent(type_name="acme.x", raw=b'{"type":"acme.x","a":1}'))
        assert set(block := await anext(blocks)) == {"id", "data"}
        assert '"acme.x"' in block["data"]


async def test_a_quiet_stream_shows_that_it_is_alive(kernel, monkeypatch):
    monkeypatch.setattr(route, "_HEARTBEAT_SECONDS", 0.02)
    async with serving(kernel) as (client, _), client.stream("GET", EVENTS) as stream:
        await stream.start()
        received = b""
        async for piece in stream.pieces():
            received += piece
            if received.count(b": still here\n\n") == 3:
                break


async def test_a_reader_that_does_not_read_is_told_what_it_missed_and_keeps_nobody_waiting(client, kernel):
    text = "x" * (1 << 16)
    async with client.stream("GET", EVENTS) as slow, client.stream("GET", EVENTS) as quick:
        await slow.start()
        await quick.start()
        events = quick.events()
        await until(lambda: len(kernel.bus.subscriptions) == 2 and kernel.journal.followers == 2)
        for number in range(400):
            kernel.journal.tell(PluginProblem(plugin=str(number), problem=Problem(code="X", title="", message=text)))
            assert (await anext(events))[1]["plugin"] == str(number)
        kernel.journal.record(ModelChanged(model="last"))
        assert (await anext(events))[0] == 1
        missed = arrived = 0
        is_recorded_there = False
        async for seq, event in slow.events():
            arrived += event["type"] == "plugin_problem"
            missed += event["type"] == "lagged" and event["missed"]
            is_recorded_there |= seq == 1
            if arrived + missed >= 400 and is_recorded_there:
                break
        assert missed > 300


async def test_many_readers_all_get_everything(client, kernel):
    count = 100
    got = []

    async def read(task_status):
        async with client.stream("GET", f"{EVENTS}?since=0") as stream:
            await stream.start()
            task_status.started()
            got.append([seq for seq, _ in await take(stream.events(), 10)])

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            await nursery.start(read)
        for number in range(10):
            kernel.journal.record(ModelChanged(model=str(number)))
    assert got == [list(range(1, 11))] * count
    await until(lambda: kernel.journal.followers == 0 and not kernel.bus.subscriptions)
