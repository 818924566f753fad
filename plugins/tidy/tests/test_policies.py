"""What the two policies plan, and what they never touch."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from papin.models import Model
from papin.policies import Inventory
from papin_tidy._policies import SpaceSettings, UnusedSettings, plan_space, plan_unused
from papin_tidy.plugin import papin_cleanup_policies

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
GB = 1_000_000_000


def days(count):
    return NOW - timedelta(days=count)


def model(name, *, installed=400, used=None, favourite=False):
    return Model(
        id=name,
        ref="",
        files=(),
        installed_at=days(installed),
        last_used_at=None if used is None else days(used),
        favourite=favourite,
    )


def inventory(*models, loaded=(), free=0, frees=None):
    return Inventory(
        models=models,
        loaded=frozenset(loaded),
        frees={each.id: GB for each in models} | (frees or {}),
        free=free,
        total=100 * GB,
    )


def unused(given, **settings):
    return list(plan_unused(given, NOW, UnusedSettings(**settings)))


def space(given, keep_free):
    return list(plan_space(given, NOW, SpaceSettings(keep_free=keep_free)))


def names(removals):
    return [removal.model for removal in removals]


def test_both_are_registered():
    assert [policy.name for policy in papin_cleanup_policies()] == ["unused", "space"]


def test_the_longest_unused_come_first_and_the_used_stay():
    given = inventory(model("new", used=3), model("old", used=70), model("oldest", used=300))
    assert names(unused(given)) == ["oldest", "old"]


@pytest.mark.parametrize(("age", "goes"), [(59, False), (60, True)])
def test_the_limit_is_in_whole_days(age, goes):
    assert bool(unused(inventory(model("m", used=age)))) is goes
    assert bool(unused(inventory(model("m", used=age)), days=age)) is True


def test_installing_counts_for_what_was_never_used():
    given = inventory(model("fresh", installed=5), model("stale", installed=90))
    (removal,) = unused(given)
    assert removal.model == "stale"
    assert removal.reason == "installed 90 days ago and never used"
    assert removal.frees == GB
    assert removal.policy == "unused"


def test_installing_anew_counts_as_use():
    assert unused(inventory(model("again", installed=2, used=200))) == []


def test_the_reason_tells_the_day():
    (removal,) = unused(inventory(model("m", used=62)))
    assert removal.reason == "last used 62 days ago (2026-03-31)"


def test_favourites_and_loaded_models_are_never_planned():
    given = inventory(model("loved", used=300, favourite=True), model("busy", used=300), loaded=["busy"])
    assert unused(given) == []
    assert space(given, 50 * GB) == []


def test_a_clock_that_was_set_back_makes_nothing_old():
    assert unused(inventory(model("future", installed=-400, used=-300))) == []


def test_space_takes_the_least_recently_used_until_it_is_enough():
    given = inventory(model("a", used=1), model("b", used=9), model("c", used=5), free=2 * GB)
    assert names(space(given, 4 * GB)) == ["b", "c"]
    assert names(space(given, 2 * GB)) == []


def test_space_says_why():
    (removal,) = space(inventory(model("m", used=9), free=2 * GB), 3 * GB)
    assert removal.reason == "2.0 GB are free and 3.0 GB should be; last used 9 days ago (2026-05-23)"


def test_space_leaves_models_whose_removal_gives_nothing():
    given = inventory(model("shared", used=100), model("alone", used=10), frees={"shared": 0})
    assert names(space(given, 1)) == ["alone"]


def test_space_can_be_switched_off():
    assert space(inventory(model("m", used=900)), 0) == []


def test_equal_ages_are_told_in_one_order():
    given = [model("b", used=80), model("a", used=80)]
    assert names(unused(inventory(*given))) == names(unused(inventory(*reversed(given)))) == ["a", "b"]


@pytest.mark.parametrize(
    ("kind", "table"),
    [(UnusedSettings, {"days": 0}), (UnusedSettings, {"day": 3}), (SpaceSettings, {"keep_free": -1})],
)
def test_impossible_settings_are_refused(kind, table):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(table, kind)
