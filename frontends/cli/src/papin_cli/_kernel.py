"""The door to async commands that costs nothing until it is used."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from papin_cli._app import App
    from papin_cli._session import Session

__all__ = ["in_session"]

T = TypeVar("T")


def in_session(app: App, work: Callable[[Session], Awaitable[T]]) -> T:
    """Return `await work(session)` with an open kernel; see `papin_cli._session.open_session`.

    trio and the kernel are imported here and nowhere else in the commands, so that help, completion and what only
    reads start without them.
    """
    from papin_cli._session import open_session  # noqa: PLC0415 - see above

    return open_session(app, work)
