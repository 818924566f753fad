"""How long a client waits."""

from __future__ import annotations

from math import inf

import msgspec
import trio

from papin.errors import TransferTimeout
from papin.sizes import size_text


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long a client waits, in seconds of trio's clock; `math.inf` waits for ever.

    `connect` bounds name look-up, connection and TLS each; `header` is until the first byte of an answer, `silence`
    between two pieces of a body. With a `rate` (bytes a second) a body must bring that much on average over each
    `window` of waiting for it: a trickle is a stall too, and time in which nobody reads does not count.
    """

    connect: float = 15.0
    header: float = 60.0
    silence: float = 60.0
    rate: int = 0
    window: float = 30.0


class Pace:
    """Watches that one body keeps to a `Patience`."""

    def __init__(self, patience: Patience, host: str) -> None:
        self._patience = patience
        self._host = host
        self._waited = 0.0
        self._came = 0

    def allowance(self) -> float:
        """Return for how long the next piece may be waited for."""
        left = self._patience.window - self._waited if self._patience.rate else inf
        return max(0.0, min(self._patience.silence, left))

    def note(self, since: float, count: int) -> None:
        """Account for a piece of `count` bytes that was waited for since the time `since`.

        Raises:
            TransferTimeout: the window is over, and too little came in it.
        """
        self._waited += trio.current_time() - since
        self._came += count
        if not self._patience.rate or self._waited < self._patience.window:
            return
        if self._came < self._patience.rate * self._patience.window:
            raise self.stalled()
        self._waited, self._came = 0.0, 0

    def stalled(self) -> TransferTimeout:
        """Return the error for a body that does not come."""
        came = f"only {size_text(self._came)} in the last {self._waited:.0f} s" if self._came else "nothing any more"
        return too_slow(f"{self._host} sends {came}")


def too_slow(message: str) -> TransferTimeout:
    """Return the error for a wait that was too long."""
    error = TransferTimeout(
        message, next_step="Check the network, then run the same command again: it goes on where it stopped."
    )
    error.transient = True
    return error
