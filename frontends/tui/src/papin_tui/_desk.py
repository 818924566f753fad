"""What the panes and screens need of the application: to ask the kernel, to show errors, to put questions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from textual.app import App

from papin.errors import PapinError
from papin.kernel import Kernel
from papin.safe import prose
from papin.sentences import describe
from papin_tui._bridge import Bridge
from papin_tui._dialogs import Confirm

__all__ = ["Desk"]

T = TypeVar("T")

_ERROR_SECONDS = 12.0


class Desk(App[None]):
    """An application with a kernel."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self.bridge = bridge
        self._last = ""

    async def ask(self, work: Callable[[Kernel], Awaitable[T]]) -> T:
        """Return what `work` does with the kernel; see `Bridge.ask`."""
        return await self.bridge.ask(work)

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` beside the drawing, for as long as the application is there; its expected errors are shown."""
        self.run_worker(self.showing_errors(work), exit_on_error=True)

    async def showing_errors(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work`, and show the error that it raises."""
        try:
            await work
        except PapinError as error:
            self.show_error(error)

    def show_error(self, error: PapinError) -> None:
        """Show an error: code, message, next step."""
        text = describe(error.problem())
        self._tell_once(text)
        self.notify(text, severity="error", timeout=_ERROR_SECONDS, markup=False)

    def say(self, text: str) -> None:
        """Say what happened, in one sentence."""
        self._tell_once(text)
        self.notify(prose(text), markup=False)

    def _tell_once(self, text: str) -> None:
        """Take the notices away where the last one said the same: a key that is pressed again piles nothing up."""
        if text == self._last:
            self.clear_notifications()
        self._last = text

    async def confirm(self, plan: str, question: str) -> bool:
        """Show what would happen, and return whether it shall."""
        return await self.push_screen_wait(Confirm(plan, question)) is True
