"""How many connections one transfer should use: a pure decision, from what came when.

It begins with one, and doubles as long as that makes the whole clearly faster. When it does not, even at a second look,
the last step is taken back and nothing more is tried for a while. A server that refuses or breaks one of several
connections has said how many it wants. Nothing is added when papin itself is what holds the transfer up (a slow disk, a
limit that the user set, a busy processor: then what came waits to be read), or when little is left. And nothing
is taken back for what came while other programs had the processor: that tells of them and not of the line.
"""

from __future__ import annotations

from math import inf

import msgspec

MOST = 16

_GAIN = 1.25  # twice the connections have to bring this much more
_SHORTEST, _LONGEST = 0.25, 1.0  # seconds that are looked at before the next step
_WAITS = 2.0  # or so many times what the first answer was waited for, because connections begin slowly
_WORTH = 1.5  # seconds that must be left for another connection to be worth its beginning
_PRESSED = 0.5  # the part of a window in which papin kept the network waiting
_BEHIND = 0.75  # the part of what came that had come before it could be read,
_IDLE = 0.5  # unless that came in bursts, between which papin waited for such a part of the time
_STARVED = 0.5  # the part of a window in which others had the processor that papin was ready for
_REST = 4.0  # seconds until it is tried again whether more help, and twice as long each time that they do not
_LONGEST_REST = 60.0
_RUN = 3.0  # seconds that the run of chunks asked for by one request may take
_ASKING = 32  # times what an answer is waited for, that it takes at least: then asking costs next to nothing
_LAGGING = 0.1  # of what the others get on average


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a transfer: bytes that came so far and that are missing, connections that bring some already.

    `held_up` is for how many seconds so far connections waited for papin: for its disk, its limit. `waiting` counts the
    bytes that were read when still more had come; `idle` is for how many seconds connections, one on average, waited
    for the network when nothing had come. `starved` is for how many seconds others had the processor while papin was
    ready to read. `is_hash_bound` tells whether papin already hashes all the time.
    """

    received: int
    missing: int
    active: int
    held_up: float = 0.0
    waiting: int = 0
    idle: float = 0.0
    starved: float = 0.0
    is_hash_bound: bool = False


class Lanes:
    """Decides from a stream of samples. Times are in seconds of any one monotonic clock."""

    def __init__(self, *, most: int = MOST) -> None:
        self.target = 1
        self.rate = 0.0  # of all connections together
        self._each = 0.0
        self._most = most
        self._window = _SHORTEST
        self._waited = inf
        self._began: tuple[float, Sample] | None = None
        self._before: tuple[int, float] | None = None  # the connections and the rate before the last step
        self._is_doubtful = False
        self._rest_until = 0.0
        self._rest = _REST

    def answered(self, waited: float) -> None:
        """Note for how long an answer was waited for."""
        if self._waited == inf:
            self._window = max(self._window, min(_LONGEST, _WAITS * waited))
        self._waited = min(self._waited, waited)

    def look(self, now: float, sample: Sample) -> int:
        """Take a sample; return how many connections there should be."""
        if self._began is None or self._has_just_grown(self._began[1], sample):
            self._began = now, sample
        since, first = self._began
        took = now - since
        if took < self._window:
            return self.target
        self._began = now, sample
        self.rate = (sample.received - first.received) / took
        self._each = self.rate / max(1, sample.active)
        if sample.active >= self.target:
            is_starved = sample.starved - first.starved > took * _STARVED
            self._decide(now, sample, pressed=_is_pressed(first, sample, took), starved=is_starved)
        return self.target

    def _has_just_grown(self, first: Sample, sample: Sample) -> bool:
        # What came while new connections were still being made tells nothing of what they bring.
        return first.active < self.target <= sample.active

    def _decide(self, now: float, sample: Sample, *, pressed: bool, starved: bool) -> None:
        is_in_vain = self._before is not None and self.rate < self._before[1] * _GAIN
        if is_in_vain and (starved or not self._is_doubtful):
            # A hiccup of the line is no reason, and one of the processor none at all: it is looked at once more.
            self._is_doubtful = self._is_doubtful or not starved
            return
        self._is_doubtful = False
        if is_in_vain and self._before:
            self.target, self._before = self._before[0], None
            self._rest_until = now + self._rest
            self._rest = min(_LONGEST_REST, 2 * self._rest)
        elif not pressed and now >= self._rest_until and self.is_worth_it(sample.missing):
            self._before = self.target, self.rate
            self.target = min(self._most, self.target * 2)
            if self.target == self._before[0]:
                self._before = None
        else:
            self._before = None

    def is_worth_it(self, missing: int) -> bool:
        """Tell whether `missing` bytes will take long enough for another connection to make a difference."""
        return missing > self.rate * _WORTH

    def refused(self, now: float, active: int) -> None:
        """Note that the server turned one connection away, and that `active` others are left: so many it is."""
        self.target = self._most = max(1, active)
        self._before = None
        self._rest_until = now + _LONGEST_REST

    def run(self, free: int, chunk: int) -> int | None:
        """Return how many of `free` chunks one request should ask for; None for all of them."""
        if self.target == 1:
            return None
        # Who claims the front of the file for long keeps all that comes behind it from being hashed; and this may be
        # the first of many connections. But each request costs something, here and on the way.
        cheap = max(self._each * min(_RUN, _ASKING * self._waited) / chunk, free / (2 * MOST))
        return max(1, int(min(cheap, self._each * _RUN / chunk, free / (2 * self.target))))

    def is_lagging(self, rate: float) -> bool:
        """Tell whether a connection that gets `rate` bytes a second would better be replaced by a fresh one."""
        return self.target > 1 and rate < self._each * _LAGGING


def _is_pressed(first: Sample, sample: Sample, took: float) -> bool:
    held_up = (sample.held_up - first.held_up) / took
    waiting = (sample.waiting - first.waiting) / max(1, sample.received - first.received)
    idle = (sample.idle - first.idle) / took
    return sample.is_hash_bound or held_up > _PRESSED or (waiting > _BEHIND and idle < _IDLE)
