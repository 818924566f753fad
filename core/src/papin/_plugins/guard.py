from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class TooSlow(Exception):
    """The guarded call did not end within its budget; its thread is left to itself."""

    def __init__(self, budget: float) -> None:
        super().__init__(f"it took longer than {budget:g} s")


class _Call(threading.Thread, Generic[T]):
    def __init__(self, function: Callable[[], T]) -> None:
        super().__init__(daemon=True, name="papin plugin")
        self._function = function
        self.result: T | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self._function()
        except BaseException as error:  # noqa: BLE001  a guard: a plugin may raise anything, SystemExit included
            self.error = error


def guarded(function: Callable[[], T], budget: float) -> T | BaseException:
    """Call `function` on a thread of its own; return what it returned, or the exception that it raised.

    A call that takes longer than `budget` seconds is given up, with `TooSlow`; its daemon thread keeps nobody from
    exiting. Ctrl-C in the meantime is raised here as always.
    """
    call = _Call(function)
    call.start()
    call.join(budget)
    if call.is_alive():
        return TooSlow(budget)
    if call.error is not None:
        return call.error
    return call.result  # type: ignore[return-value]  # it is a T once the call has ended without an error
