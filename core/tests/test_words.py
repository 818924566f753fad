from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import msgspec
import pytest

from papin import words

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, ""),
        (0, "0"),
        (8192, "8192"),
        (1_000_000, "1M"),
        (134_515_008, "135M"),
        (999_600_000, "1B"),
        (7_240_000_000, "7.2B"),
        (70_600_000_000, "70.6B"),
        (405_000_000_000, "405B"),
        (1_000_000_000_000, "1T"),
    ],
)
def test_parameters_are_written_as_the_field_does(number, text):
    assert words.compact(number) == text


def test_an_estimate_says_about():
    assert words.to_fetch(3_000_000, 0) == "3.0 MB"
    assert words.to_fetch(3_000_000, 5) == "about 3.0 MB"
    assert words.to_fetch(None, 0) == "?"


@pytest.mark.parametrize(("fraction", "text"), [(None, ""), (0, "0 %"), (0.999, "99 %"), (1, "100 %")])
def test_only_the_end_is_a_hundred_percent(fraction, text):
    assert words.percent(fraction) == text


@pytest.mark.parametrize(
    ("past", "text"),
    [
        (timedelta(seconds=-5), "now"),
        (timedelta(seconds=59), "now"),
        (timedelta(minutes=5), "5 min ago"),
        (timedelta(hours=23, minutes=59), "23 h ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=89), "89 days ago"),
        (timedelta(days=400), "13 months ago"),
    ],
)
def test_times_past(past, text):
    assert words.ago(NOW - past, NOW) == text


def test_a_time_that_never_was():
    assert words.ago(None, NOW) == "never"


def test_counts_have_the_right_number():
    assert [words.count(number, "model") for number in (0, 1, 2)] == ["0 models", "1 model", "2 models"]


def test_what_is_unknown():
    assert words.size(None) == "?"
    assert words.speed(None) == ""
    assert words.speed(12_300_000) == "12.3 MB/s"


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (int | None, "x", "it must be a whole number"),
        (Annotated[int, msgspec.Meta(ge=1)], 0, "it must be a whole number of 1 or more"),
        (Annotated[float, msgspec.Meta(gt=0)], 0.0, "it must be a number above 0.0"),
        (bool | str, 3, "it must be true or false or a text"),
        (dict[str, list[int]], {"a": 1}, "it must be a list"),
        (Literal["f16", "q8_0"], "f12", "invalid enum value 'f12'"),
    ],
)
def test_what_a_value_must_be(kind, value, text):
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(value, kind)
    assert words.must_be(str(caught.value)) == text
