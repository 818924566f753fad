"""The pure parts: what an answer means, how long to wait, what progress shows."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from papin._transfers._judge import Body, Complete, Position, Restart, judge, strong_etag
from papin._transfers._meter import Meter
from papin._transfers._mirrors import all_of
from papin._transfers._notes import Entity
from papin._transfers._retry import Retries, is_progress, retry_after
from papin.errors import NotFound, SourceChanged, TooManyRequests, TransferFailed

SERVED = Entity(total=100, etag='"a"')


def _at(offset=40, *, entity=SERVED, size=None, is_pinned=False):
    return Position(offset=offset, entity=entity, size=size, is_pinned=is_pinned)


@pytest.mark.parametrize(
    ("position", "headers"),
    [
        (_at(0), {}),
        (_at(), {"Range": "bytes=40-", "If-Range": '"a"'}),
        (_at(is_pinned=True), {"Range": "bytes=40-"}),
        (_at(entity=None), {}),
        (_at(entity=Entity(total=100)), {}),
        (_at(entity=Entity(), is_pinned=True), {"Range": "bytes=40-"}),
        (_at(100), {}),
        (_at(50, size=50, is_pinned=True), {}),
    ],
)
def test_what_is_asked_for(position, headers):
    assert position.headers() == headers


@pytest.mark.parametrize(
    ("headers", "position", "verdict"),
    [
        ({"content-range": "bytes 40-99/100", "etag": '"a"'}, _at(), Body(40, SERVED)),
        ({"content-range": "bytes 40-99/100"}, _at(), Body(40, SERVED)),
        ({"content-range": "bytes 40-99/*"}, _at(), Body(40, SERVED)),
        ({"content-range": "bytes 40-59/100"}, _at(), Body(40, SERVED)),
        ({"content-range": "bytes 40-99/100", "etag": '"b"'}, _at(is_pinned=True), Body(40, SERVED)),
        ({"content-range": "bytes 0-99/100"}, _at(0, entity=None), Body(0, Entity(total=100))),
        ({"content-range": "bytes 40-99/100", "etag": '"b"'}, _at(), Restart),
        ({"content-range": "bytes 39-99/100"}, _at(), Restart),
        ({"content-range": "bytes 40-100/100"}, _at(), Restart),
        ({"content-range": "bytes 40-39/100"}, _at(), Restart),
        ({"content-range": "bytes 40-99/101"}, _at(), Restart),
        ({"content-range": "bytes 40-99/" + "9" * 50}, _at(), Restart),
        ({"content-range": "chars 40-99/100"}, _at(), Restart),
        ({"content-range": "bytes=40-99/100"}, _at(), Restart),
        ({"content-range": "bytes 40-99/-1"}, _at(), Restart),
        ({"content-range": "bytes */100"}, _at(), Restart),
        ({}, _at(), Restart),
    ],
)
def test_parts(headers, position, verdict):
    found = judge(206, headers, position, "x")
    if isinstance(verdict, type):
        assert isinstance(found, verdict)
    else:
        assert (found.start, found.entity) == (verdict.start, verdict.entity)


@pytest.mark.parametrize(
    ("headers", "position", "verdict"),
    [
        ({"content-range": "bytes */100"}, _at(100), Complete),
        ({"content-range": "bytes */100"}, _at(100, entity=Entity(etag='"a"')), Complete),
        ({"content-range": "bytes */100"}, _at(100, size=200), Restart),
        ({"content-range": "bytes */99"}, _at(100), Restart),
        ({"content-range": "bytes */100"}, _at(40), Restart),
        ({}, _at(100), Restart),
    ],
)
def test_not_satisfiable(headers, position, verdict):
    assert isinstance(judge(416, headers, position, "x"), verdict)


def test_whole_answers():
    assert judge(200, {"content-length": "100", "etag": '"b"'}, _at(), "x") == Body(0, Entity(total=100, etag='"b"'))
    assert judge(200, {"etag": 'W/"b"'}, _at(), "x") == Body(0, Entity())
    with pytest.raises(SourceChanged):
        judge(200, {"content-length": "99"}, _at(size=100), "x")
    with pytest.raises(SourceChanged):
        judge(206, {"content-range": "bytes 40-98/99"}, _at(size=100), "x")


@pytest.mark.parametrize("status", [201, 204, 300, 304, 400, 404, 500])
def test_everything_else_is_a_refusal(status):
    assert judge(status, {}, _at(), "x") is None


@pytest.mark.parametrize(
    ("etag", "strong"),
    [
        ('"a"', '"a"'),
        ('W/"a"', None),
        ("a", None),
        ('"', None),
        ("", None),
        ('"\xff"', None),
        ('""', '""'),
        (f'"{"a" * 511}"', None),
    ],
)
def test_only_strong_validators_may_be_conditions(etag, strong):
    assert strong_etag({"etag": etag}) == strong


@pytest.mark.parametrize(
    ("text", "date", "seconds"),
    [
        ("120", "", 120.0),
        ("0", "", 0.0),
        ("999999999999999999999", "", 999999999999.0),
        ("Wed, 21 Oct 2015 07:28:30 GMT", "Wed, 21 Oct 2015 07:28:00 GMT", 30.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:30 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:28:30 GMT", "", None),
        ("Wed, 21 Oct 2015 07:28:30 GMT", "Wed, 21 Oct 2015 07:28:00", None),
        ("soon", "", None),
        ("-1", "", None),
        ("\u0661", "", None),
        ("", "", None),
    ],
)
def test_d13_retry_after_by_the_servers_own_clock(text, date, seconds):
    assert retry_after({"retry-after": text, "date": date}) == seconds


def _transient():
    error = TransferFailed("x")
    error.transient = True
    return error


async def test_waits_are_jittered_and_capped_and_end(autojump_clock):
    retries = Retries()
    waits = []
    for _ in range(5):
        began = trio.current_time()
        await retries.wait(_transient(), progressed=False)
        waits.append(trio.current_time() - began)
    with pytest.raises(TransferFailed):
        await retries.wait(_transient(), progressed=False)
    assert all(wait <= 0.5 * 2**number for number, wait in enumerate(waits))
    assert sum(waits) > 0


async def test_something_that_came_makes_patience_new(autojump_clock):
    retries = Retries()
    for _ in range(100):
        began = trio.current_time()
        await retries.wait(_transient(), progressed=True)
        assert trio.current_time() - began <= 0.5


async def test_what_cannot_get_better_is_not_tried_again():
    with pytest.raises(TransferFailed):
        await Retries().wait(TransferFailed("x"), progressed=True)


async def test_n12_ten_minutes_are_waited_and_not_more(autojump_clock):
    await Retries().wait(_transient(), progressed=False, asked=600)
    assert trio.current_time() == 600
    with pytest.raises(TooManyRequests, match="3 h 05 min") as caught:
        await Retries().wait(_transient(), progressed=False, asked=11_100)
    assert caught.value.wait == 11_100


async def test_n34_another_source_is_not_waited_for_long(autojump_clock):
    retries = Retries(hurried=True)
    await retries.wait(_transient(), progressed=False, asked=5)
    await retries.wait(_transient(), progressed=False)
    with pytest.raises(TransferFailed):
        await retries.wait(_transient(), progressed=False)
    assert trio.current_time() <= 6
    with pytest.raises(TooManyRequests, match="7 s") as caught:
        await Retries(hurried=True).wait(_transient(), progressed=False, asked=7)
    assert caught.value.wait == 7


def test_n16_a_trickle_is_no_progress():
    assert not is_progress(1, 0.0001)
    assert not is_progress(10_000, 30)
    assert is_progress(40_000, 30)


def test_n12_of_several_sources_the_one_that_is_over_soonest_counts():
    busy, busier = TooManyRequests("busy"), TooManyRequests("busier")
    busy.wait, busier.wait = 1000.0, 5000.0
    found = all_of([busy, busier, NotFound("gone")])
    assert isinstance(found, TooManyRequests)
    assert found.wait == 1000
    assert all(text in found.message for text in ("busy", "busier", "gone"))
    assert isinstance(all_of([TooManyRequests("busy"), NotFound("gone")]), NotFound)


async def test_a_wait_is_cancelled_at_once(autojump_clock):
    with trio.move_on_after(0.1):
        await Retries().wait(_transient(), progressed=False, asked=500)
    assert trio.current_time() <= 0.2


async def test_speed_is_that_of_the_last_seconds(autojump_clock):
    shown = []
    meter = Meter(shown.append, "m", 100_000)
    meter.enter("downloading")
    for second in range(21):
        meter.show(second * 1000 if second <= 10 else 10_000 + (second - 10) * 100)
        await trio.sleep(1)
    assert shown[11].speed == pytest.approx(1000)
    assert shown[-1].speed == pytest.approx(100)
    assert shown[-1].remaining == pytest.approx((100_000 - 11_000) / 100)
    assert shown[1].speed is None


async def test_progress_does_not_go_back_and_ends_at_all_of_it(autojump_clock):
    shown = []
    meter = Meter(shown.append, "m", None)
    meter.enter("downloading", total=1000)
    for done in (0, 500, 900, 0, 300, 950, 1200):
        meter.show(done)
        await trio.sleep(1)
    meter.enter("verifying")
    meter.finish(1000)
    assert [each.done for each in shown] == [0, 0, 500, 900, 900, 900, 950, 1000, 1000, 1000]
    assert shown[-1].fraction == 1
    assert all(each.speed is None or each.speed >= 0 for each in shown)
    assert all(each.remaining is None or each.remaining >= 0 for each in shown)
