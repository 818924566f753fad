"""When an engine is idle for too long, on a clock that stands still."""

import pytest

from papin_llamacpp._idle import FIRST_ANSWER, Activity, Idleness

QUIET = Activity(requests=0, tokens=0)


def test_it_expires_after_its_keep_alive_and_not_before():
    idle = Idleness(300, 1000.0)
    idle.saw(QUIET, 1010.0)
    assert not idle.expired(1299.9)
    assert idle.expired(1300.0)


@pytest.mark.parametrize("activity", [Activity(requests=1, tokens=0), Activity(requests=0, tokens=7)])
def test_work_and_moved_tokens_are_use(activity):
    idle = Idleness(10, 0.0)
    assert idle.saw(activity, 9.0) is True
    assert not idle.expired(18.9)
    assert idle.expired(19.0)


def test_tokens_that_stand_still_are_no_use():
    idle = Idleness(10, 0.0)
    idle.saw(Activity(requests=0, tokens=7), 1.0)
    assert idle.saw(Activity(requests=0, tokens=7), 9.0) is False
    assert idle.expired(11.0)


def test_a_mark_renews_and_changes_how_long():
    idle = Idleness(10, 0.0)
    idle.wanted(50, 9.0)
    assert not idle.expired(58.9)
    assert idle.expired(59.0)


def test_a_negative_keep_alive_never_expires():
    assert not Idleness(-1, 0.0).expired(1e12)


def test_zero_waits_for_the_first_answer_and_then_for_nothing():
    idle = Idleness(0, 0.0)
    assert not idle.expired(FIRST_ANSWER - 1)
    assert idle.expired(FIRST_ANSWER)
    idle.saw(Activity(requests=1, tokens=0), 5.0)
    assert not idle.expired(5.1)
    idle.saw(Activity(requests=0, tokens=9), 6.0)
    assert idle.expired(6.0)


def test_zero_waits_again_after_a_new_mark():
    idle = Idleness(0, 0.0)
    idle.saw(Activity(requests=0, tokens=9), 6.0)
    idle.wanted(0, 7.0)
    assert not idle.expired(8.0)


def test_silence_is_work_for_half_an_hour():
    idle = Idleness(10, 0.0)
    assert idle.saw(None, 5.0) is True
    assert idle.saw(None, 1800.0) is True
    assert idle.saw(None, 1806.0) is False
    assert idle.expired(1811.0)


def test_silence_that_ends_begins_anew():
    idle = Idleness(10, 0.0)
    idle.saw(None, 5.0)
    idle.saw(QUIET, 1000.0)
    assert idle.saw(None, 2000.0) is True


@pytest.mark.parametrize(("keep_alive", "period"), [(-1, 5.0), (0, 0.05), (1, 0.1), (300, 5.0)])
def test_the_period_follows_the_keep_alive_and_is_never_a_busy_loop(keep_alive, period):
    assert Idleness(keep_alive, 0.0).period == period
