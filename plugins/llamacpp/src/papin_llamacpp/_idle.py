"""When an engine is no longer wanted: pure decisions on what its host sees."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["FIRST_ANSWER", "Activity", "Idleness"]

FIRST_ANSWER = 30.0
"""Seconds that an engine with a keep-alive of 0 waits for the answer it was loaded for."""

_LONGEST_PERIOD = 5.0
_SHORTEST_PERIOD = 0.05
_LONGEST_SILENCE = 1800.0


class Activity(NamedTuple):
    """What a server says it does: requests in work or waiting, and all tokens that it ever processed."""

    requests: int
    tokens: int


class Idleness:
    """Told what is seen and when (seconds of a monotonic clock), says whether the engine has been idle for too long."""

    def __init__(self, keep_alive: float, now: float) -> None:
        self.keep_alive = keep_alive
        self._used = now
        self._tokens = 0
        self._answered = False
        self._silent_since: float | None = None

    @property
    def period(self) -> float:
        """Seconds between two looks."""
        if self.keep_alive < 0:
            return _LONGEST_PERIOD
        return min(_LONGEST_PERIOD, max(_SHORTEST_PERIOD, self.keep_alive / 10))

    def wanted(self, keep_alive: float, now: float) -> None:
        """Take in that somebody marked the engine as used, and how long it is to be kept from now on."""
        self.keep_alive = keep_alive
        self._used = now
        self._answered = False

    def saw(self, activity: Activity | None, now: float) -> bool:
        """Take in what the server said, None for no answer; return whether it was in use.

        A server that does not answer is one that works on a long prompt, for half an hour at most.
        """
        if activity is None:
            self._silent_since = now if self._silent_since is None else self._silent_since
            busy = now - self._silent_since < _LONGEST_SILENCE
        else:
            self._silent_since = None
            moved = activity.tokens != self._tokens
            busy = activity.requests > 0 or moved
            self._answered = self._answered or moved
            self._tokens = activity.tokens
        if busy:
            self._used = now
        return busy

    def expired(self, now: float) -> bool:
        """Tell whether it is time to end."""
        if self.keep_alive < 0:
            return False
        patience = FIRST_ANSWER if self.keep_alive == 0 and not self._answered else self.keep_alive
        return now - self._used >= patience
