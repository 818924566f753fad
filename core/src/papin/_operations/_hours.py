"""The hours of a day at which downloads may run, `23:00-07:00`. Pure: the time comes in, as seconds since 1970.

All arithmetic is with the time on the wall, so that on the days when the clocks change 23:00 is still 23:00.
"""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta, tzinfo

import msgspec

from papin.errors import NameInvalid

ALWAYS = "always"
"""In the place of hours: whatever the configuration says."""

_FORM = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-3]):([0-5]\d)")


class Hours(msgspec.Struct, frozen=True):
    """From `opens` to `closes`, which may be on the next day. The zone of all methods is this machine's if None."""

    opens: time
    closes: time

    def is_open(self, now: float, zone: tzinfo | None = None) -> bool:
        """Tell whether it is open at `now`."""
        at = datetime.fromtimestamp(now, zone).time()
        if self.opens < self.closes:
            return self.opens <= at < self.closes
        return at >= self.opens or at < self.closes

    def opens_in(self, now: float, zone: tzinfo | None = None) -> float:
        """Return the seconds until it opens next."""
        return _until(self.opens, now, zone)

    def closes_in(self, now: float, zone: tzinfo | None = None) -> float:
        """Return the seconds until it closes next."""
        return _until(self.closes, now, zone)


def _until(at: time, now: float, zone: tzinfo | None) -> float:
    day = datetime.fromtimestamp(now, zone).date()
    for days in range(3):
        then = datetime.combine(day + timedelta(days=days), at, zone).timestamp()
        if then > now:
            return then - now
    raise AssertionError("a time of day comes every day")


def parse_hours(text: str) -> Hours | None:
    """Return the hours that `text` (`23:00-07:00`) stands for; None, for any time, when it is empty or `always`.

    Raises:
        NameInvalid: it is not of that form, or begins when it ends.
    """
    if text in ("", ALWAYS):
        return None
    found = _FORM.fullmatch(text)
    if found is None:
        raise NameInvalid(f"{text!r:.40} are no hours of a day", next_step="Write them like 23:00-07:00, or always.")
    a, b, c, d = map(int, found.groups())
    if (a, b) == (c, d):
        raise NameInvalid(f"the hours {text} begin when they end", next_step="Leave them out for the whole day.")
    return Hours(time(a, b), time(c, d))
