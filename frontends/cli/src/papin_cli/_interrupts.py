"""Ctrl-C and its relatives as cancellation, so that everything is closed in order.

The usual KeyboardInterrupt can strike between any two instructions of any task, in the middle of a commit as well.
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import trio

from papin_cli._stopped import Stopped

__all__ = ["Interrupts", "catching"]

_SIGNALS = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


class Interrupts:
    """Who is stopped by a signal: Ctrl-C stops the innermost scope, the other signals everything."""

    def __init__(self) -> None:
        self._scopes: list[trio.CancelScope] = []
        self._advice = ""

    @contextmanager
    def stoppable(self) -> Iterator[trio.CancelScope]:
        """Let Ctrl-C stop just what is inside; `cancelled_caught` of the scope tells whether it did."""
        with trio.CancelScope() as scope:
            self._scopes.append(scope)
            try:
                yield scope
            finally:
                self._scopes.remove(scope)

    @contextmanager
    def advice(self, text: str) -> Iterator[None]:
        """Say `text` when a signal ends the command while it is inside."""
        self._advice = text
        yield
        self._advice = ""

    def stop(self, number: int) -> None:
        """Act on the signal `number`."""
        everything, innermost = self._scopes[0], self._scopes[-1]
        if everything.cancel_called:
            _die(number)
        elif number != signal.SIGINT or innermost.cancel_called:
            everything.cancel()
        else:
            innermost.cancel()

    @property
    def last_words(self) -> str:
        """The advice that held when everything was stopped."""
        return self._advice


@asynccontextmanager
async def catching() -> AsyncIterator[Interrupts]:
    """Turn signals into cancellation of what is inside.

    Raises:
        Stopped: a signal ended it.
    """
    interrupts, received = Interrupts(), 0

    async def listen(signals: AsyncIterator[int]) -> None:
        nonlocal received
        async for number in signals:
            received = number
            interrupts.stop(number)

    with trio.open_signal_receiver(*_SIGNALS) as signals:
        async with trio.open_nursery() as nursery:
            with interrupts.stoppable() as everything:
                nursery.start_soon(listen, signals)
                yield interrupts
            nursery.cancel_scope.cancel()
    if everything.cancelled_caught:
        raise Stopped(received, interrupts.last_words)


def _die(number: int) -> None:
    """End at once, as if nobody had caught the signal: closing in order takes too long for the user."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
