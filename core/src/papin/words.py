"""Numbers and times in plain words, alike in every frontend; sizes and durations are those of `papin.sizes`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from papin.sizes import size_text

__all__ = [
    "ago",
    "answering",
    "compact",
    "count",
    "models",
    "moment",
    "must_be",
    "past",
    "percent",
    "size",
    "speed",
    "to_fetch",
]

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
    "array": "a list",
    "object": "a table",
    "Path": "a path",
}
_EXPECTED = re.compile(r"Expected `([^`]+)`([^,]*?)(?:, got `[^`]*`)?(?: - at `[^`]*`)?")
_BOUNDS = {" >= ": " of {} or more", " <= ": " of {} at most", " > ": " above {}", " < ": " below {}"}
# In days; up to so many, days say more than months.
_MONTH, _FEW_MONTHS = 30.44, 90
# Rounding must not give 1000M, so the next unit begins a little earlier.
_TRILLIONS, _BILLIONS, _MILLIONS = 0.9995e12, 0.9995e9, 1e6
# Above a hundred a decimal place tells nothing.
_WHOLE = 99.95


def size(bytes_: int | None) -> str:
    """Return a size, `98.4 MB`; an unknown one is `?`."""
    return "?" if bytes_ is None else size_text(bytes_)


def to_fetch(bytes_: int | None, reused: int) -> str:
    """Return what an update fetches as `size` does, and `about 3.0 MB` where that it reuses the rest is only likely."""
    return f"about {size(bytes_)}" if reused else size(bytes_)


def speed(bytes_a_second: float | None) -> str:
    """Return `12.3 MB/s`, or nothing while it is unknown."""
    return "" if bytes_a_second is None else f"{size_text(bytes_a_second)}/s"


def percent(fraction: float | None) -> str:
    """Return `42 %`, rounded down so that only the end says 100; nothing while it is unknown."""
    return "" if fraction is None else f"{int(fraction * 100)} %"


def compact(number: int | None) -> str:
    """Return a count of parameters as the field writes it, `135M`, `7.2B`; unknown is nothing."""
    if number is None:
        return ""
    # Spelled out, as `size_text` is: a long list asks for each of its models.
    if number < _MILLIONS:
        return str(number)
    if number < _BILLIONS:
        value, letter = number / 1e6, "M"
    elif number < _TRILLIONS:
        value, letter = number / 1e9, "B"
    else:
        value, letter = number / 1e12, "T"
    return f"{value:.0f}{letter}" if value >= _WHOLE else f"{value:.1f}{letter}".replace(".0", "")


def count(number: int, noun: str) -> str:
    """Return `1 model`, `2 models`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def answering(requests: int) -> str:
    """Return `answering 2 requests now`."""
    return f"answering {count(requests, 'request')} now"


def models(here: Sequence[int], elsewhere: Sequence[int]) -> str:
    """Return `2 models, 1.3 GB`, or `... on this machine; 1 model, 40.0 GB elsewhere`; each is (number, bytes)."""
    text = f"{count(here[0], 'model')}, {size(here[1])}"
    if not elsewhere[0]:
        return text
    other = f"{count(elsewhere[0], 'model')}, {size(elsewhere[1])} elsewhere"
    return f"{text} on this machine; {other}" if here[0] else other


def ago(then: datetime | None, now: datetime) -> str:
    """Return how long `then` is past, in words; `never` for None."""
    return "never" if then is None else past((now - then).total_seconds())


def past(seconds: float) -> str:
    """Return how long so many seconds ago is: `now`, `5 min ago`, `3 days ago`, `14 months ago`."""
    if seconds < _MINUTE:
        return "now"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min ago"
    if seconds < _DAY:
        return f"{int(seconds // _HOUR)} h ago"
    days = int(seconds // _DAY)
    if days < _FEW_MONTHS:
        return f"{count(days, 'day')} ago"
    return f"{int(days / _MONTH)} months ago"


def moment(then: datetime) -> str:
    """Return date and time on this machine's clock: `2026-01-31 14:05:09`."""
    return then.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def must_be(sentence: str) -> str:
    """Return what msgspec says of a wrong value as a person would: `it must be a whole number of 1 or more`."""
    found = _EXPECTED.fullmatch(sentence)
    if found is None:
        plain = re.sub(r" - at `[^`]*`$", "", sentence).replace("`", "")
        return plain[:1].lower() + plain[1:]
    kinds = [_KINDS.get(each, each) for each in found[1].split(" | ") if each != "null"]
    bound = next(
        (words.format(found[2][len(sign) :]) for sign, words in _BOUNDS.items() if found[2].startswith(sign)), ""
    )
    return f"it must be {' or '.join(kinds)}{bound or found[2]}"
