"""When to try again, and how long to wait before: bounded, jittered, on trio's clock."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from math import inf

import trio

from papin.errors import TooManyRequests, TransferFailed
from papin.sizes import duration_text

_FRUITLESS = 6  # attempts in a row that brought too little
_HURRIED = 3  # the same where another source may be asked instead
_PERSISTENCE = 300.0  # seconds for which a transfer that was under way goes on trying at least: a cable, a new network
_ATTEMPTS = 200  # in all
_LEAST, _RATE = 1024, 1024  # bytes, and bytes a second, that an attempt must bring to count as progress
_FIRST = 0.5
_NOTICED = 2.0
_LONGEST = 60.0
_PATIENCE = 600.0  # the longest that a server may make us wait,
_HURRY = 5.0  # and where another source may be asked instead


Waits = Callable[[str, float], None]
"""Told why a transfer waits and for how many seconds, and when it goes on, by an empty text and 0."""


def tell_nobody(_why: str, _seconds: float) -> None:
    """Take what `Waits` are told."""


class Retries:
    """Counts the attempts of one transfer; one that is `persistent` does not give up soon once something came.

    That may have been before, at `came_at` by trio's clock. One that is `hurried` gives up sooner than others, as there
    is another source that may be asked instead. `waits` is told of the waits that are long enough to be noticed.
    """

    def __init__(
        self, *, persistent: bool = False, hurried: bool = False, came_at: float = -inf, waits: Waits = tell_nobody
    ) -> None:
        self._persistent = persistent
        self._fruitless_most = _HURRIED if hurried else _FRUITLESS
        self._patience = _HURRY if hurried else _PATIENCE
        self._waits = waits
        self._came_at = came_at if persistent else -inf
        self._fruitless = 0
        self._attempts = 0
        # Not for secrets: it only keeps many clients from coming back at the same moment.
        self._random = random.Random()  # noqa: S311

    async def wait(self, error: TransferFailed, *, progressed: bool, asked: float | None = None) -> None:
        """Wait until the next attempt after `error`; raise it when there should be none.

        `asked` is what the server wants us to wait, in seconds.
        """
        self._attempts += 1
        self._fruitless = 1 if progressed else self._fruitless + 1
        if progressed and self._persistent:
            self._came_at = trio.current_time()
        if not error.transient or self._is_enough():
            raise error
        if asked is not None and asked > self._patience:
            raise _deferred(error, asked) from error
        await self._sleep(self._pause() if asked is None else asked, error.message)

    async def _sleep(self, seconds: float, why: str) -> None:
        if seconds < _NOTICED:
            await trio.sleep(seconds)
            return
        self._waits(why, seconds)
        try:
            await trio.sleep(seconds)
        finally:
            self._waits("", 0.0)

    def _is_enough(self) -> bool:
        is_in_vain = self._fruitless >= self._fruitless_most and trio.current_time() - self._came_at >= _PERSISTENCE
        return is_in_vain or self._attempts >= _ATTEMPTS

    def _pause(self) -> float:
        # Full jitter; something that came just now is worth asking for at once.
        return self._random.uniform(0, min(_LONGEST, _FIRST * 2 ** (self._fruitless - 1)))


def is_progress(count: int, seconds: float) -> bool:
    """Tell whether an attempt that brought `count` bytes in that time was worth it: a trickle is not."""
    return count >= max(_LEAST, _RATE * seconds)


def _deferred(error: TransferFailed, asked: float) -> TooManyRequests:
    made = TooManyRequests(
        f"{error.message}; it asks to come back in {duration_text(asked)}",
        next_step="Run the same command again then: it goes on where it stopped.",
    )
    made.wait = asked
    return made


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a `Retry-After` header (RFC 9110, 10.2.3), a date being taken by the server's own clock."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        until = parsedate_to_datetime(text)
        return max(0.0, (until - parsedate_to_datetime(headers.get("date", ""))).total_seconds())
    except (ValueError, TypeError):
        return None
