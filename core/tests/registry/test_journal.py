"""Events are numbered without gaps or repeats, and what is no longer kept is told."""

import pytest

from papin.errors import Problem
from papin.events import DownloadFailed, Event, Lagged, ModelChanged, ModelInstalled, UnknownEvent


class Indexed(Event, frozen=True, kw_only=True, tag="acme.indexed"):
    """What a plugin might tell."""

    count: int


def _journal(registry, *events):
    _, envelopes = registry.change(lambda write: [write.journal(event) for event in events])
    return envelopes


def test_events_come_back_in_order_with_number_and_time(registry):
    failed = DownloadFailed(job="j", problem=Problem(code="ERR_X", title="t", message="m"))
    first = _journal(registry, ModelInstalled(model="a", size=3), failed)
    second = _journal(registry, ModelChanged(model="a"))
    assert [envelope.seq for envelope in first + second] == [1, 2, 3]
    assert registry.read.events() == first + second
    assert registry.read.events(since=1, limit=1) == first[1:]
    assert registry.read.events(since=3) == []
    assert registry.read.last_seq() == 3
    assert first[0].at == first[1].at


def test_an_event_of_an_unknown_type_survives_the_round_trip(registry):
    _journal(registry, Indexed(count=3))
    (envelope,) = registry.read.events()
    assert envelope.event == UnknownEvent(type_name="acme.indexed", raw=b'{"type":"acme.indexed","count":3}')
    _journal(registry, envelope.event)
    assert [each.event for each in registry.read.events()] == [envelope.event] * 2


def test_a_known_name_with_another_shape_is_handed_on_as_it_is(registry):
    raw = b'{"type":"model_installed","model":7}'
    _journal(registry, UnknownEvent(type_name="model_installed", raw=raw))
    (envelope,) = registry.read.events()
    assert envelope.event == UnknownEvent(type_name="model_installed", raw=raw)


def test_an_exception_takes_the_journal_back_with_the_change(registry, make_model):
    def apply(write):
        write.add_model(make_model("m", 1))
        write.journal(ModelInstalled(model="m"))
        raise KeyError("m")

    with pytest.raises(KeyError):
        registry.change(apply)
    assert registry.read.events() == []
    assert registry.read.models() == ()
    assert _journal(registry, ModelChanged(model="m"))[0].seq == 1


def test_a_change_reads_its_own_changes_and_nobody_else_does(registry, make_model):
    def apply(write):
        write.add_model(make_model("m", 1))
        write.journal(ModelInstalled(model="m"))
        assert write.model_ids() == ("m",)
        assert write.last_seq() == 1
        assert registry.read.model_ids() == ()
        assert registry.read.last_seq() == 0

    registry.change(apply)
    assert registry.read.last_seq() == 1


def test_only_the_latest_are_kept_and_the_gap_is_told(home):
    registry = home.open(keep=10)
    for number in range(25):
        _journal(registry, ModelChanged(model=str(number)))
    kept = registry.read.events(since=15)
    assert [envelope.seq for envelope in kept] == list(range(16, 26))
    lagged, *rest = registry.read.events(since=3)
    assert (lagged.event, lagged.seq) == (Lagged(missed=12), 15)
    assert rest == kept
    assert [each.seq for each in registry.read.events(since=0, limit=3)] == [15, 16, 17]
    # Whoever goes on from the number of what he got is told nothing twice.
    assert registry.read.events(since=lagged.seq) == kept


def test_numbers_go_on_after_everything_was_trimmed(home):
    registry = home.open(keep=0)
    for _ in range(3):
        _journal(registry, ModelChanged(model="m"))
    (lagged,) = registry.read.events()
    assert (lagged.event, lagged.seq) == (Lagged(missed=3), 3)
    assert registry.read.events(since=3) == []
    assert _journal(registry, ModelChanged(model="m"))[0].seq == 4


@pytest.mark.parametrize("since", [5, 1 << 62, 1 << 80])
def test_a_number_that_was_never_given_begins_again(registry, since):
    sent = _journal(registry, ModelChanged(model="m"))
    lagged, *rest = registry.read.events(since=since)
    assert (lagged.event, lagged.seq) == (Lagged(missed=0), 0)
    assert rest == sent


@pytest.mark.parametrize("limit", [0, -1])
def test_no_limit_is_not_everything(registry, limit):
    _journal(registry, ModelChanged(model="m"))
    assert registry.read.events(since=-5, limit=limit) == []
    assert len(registry.read.events(since=9, limit=limit)) == 1
