"""A pane: one page of the application, which is read anew when what it shows is not true any more."""

from __future__ import annotations

from typing import ClassVar

from textual import getters
from textual.containers import Vertical

from papin_tui._desk import Desk

__all__ = ["Pane"]


class Pane(Vertical):
    """A page under a tab. It begins stale; `freshen` reads it where it is, and never twice at once."""

    app = getters.app(Desk)
    often: ClassVar[float] = 0.0
    """Seconds after which it is read again while it is looked at, for what is no event; 0 for never."""

    def __init__(self) -> None:
        super().__init__()
        self.is_stale = True
        self._is_reading = False

    async def read(self) -> None:
        """Ask for what is shown, and show it."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Look again now and then."""
        if self.often:
            self.set_interval(self.often, self.look_again)

    def look_again(self) -> None:
        """Begin to be stale, as time goes on."""
        self.is_stale = True

    def come(self) -> None:
        """Somebody goes to this pane."""

    def freshen(self) -> None:
        """Read anew where something changed; what changes while it is read is read after that."""
        if self.is_stale and not self._is_reading:
            self.is_stale, self._is_reading = False, True
            self.app.begin(self._read())

    async def _read(self) -> None:
        try:
            await self.read()
        finally:
            self._is_reading = False
