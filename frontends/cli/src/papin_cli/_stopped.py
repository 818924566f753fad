"""How a command says that a signal ended it."""

from __future__ import annotations

__all__ = ["Stopped"]

# What shells add to the number of a signal: 130 for Ctrl-C.
_BASE = 128


class Stopped(Exception):
    """A signal ended the command, everything was closed in order; `advice` says how to go on."""

    def __init__(self, signal: int, advice: str = "") -> None:
        super().__init__(signal)
        self.status = _BASE + signal
        self.advice = advice
