"""Running an async command with an open kernel."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import trio

from papin.errors import PapinError
from papin.kernel import Kernel, open_kernel
from papin_cli._interrupts import Interrupts, catching
from papin_cli._output import Output, ReaderGone, Unwritable

if TYPE_CHECKING:
    from papin_cli._app import App

__all__ = ["Session", "open_session"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Session:
    """What an async command works with."""

    kernel: Kernel
    interrupts: Interrupts
    out: Output


def open_session(app: App, work: Callable[[Session], Awaitable[T]]) -> T:
    """Open a kernel, return `await work(session)`, and close it.

    Raises:
        PapinError: what the kernel or `work` raised, taken out of its exception group.
        Stopped: Ctrl-C or another signal ended it; everything was closed in order.
    """
    gc.enable()
    try:
        return trio.run(partial(_main, app, work))
    except BaseExceptionGroup as group:
        raise _meant(group) from None


async def _main(app: App, work: Callable[[Session], Awaitable[T]]) -> T:
    async with (
        catching() as interrupts,
        open_kernel(offline=True if app.offline else None) as kernel,
    ):
        return await work(Session(kernel, interrupts, app.out))
    raise AssertionError("what ends without a result was stopped, and says so")


def _meant(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the exception to show for `group`: the only one, the first of expected ones, or the group itself."""
    found = list(_leaves(group))
    if len(found) == 1 or all(isinstance(one, PapinError | ReaderGone | Unwritable) for one in found):
        return found[0]
    return group


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _leaves(one)
    else:
        yield error
