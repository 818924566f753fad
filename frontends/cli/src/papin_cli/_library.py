"""Reading what is recorded, without the kernel; and repairing it by the kernel when it is damaged."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from papin_cli._kernel import in_session

if TYPE_CHECKING:
    from papin.library import Library
    from papin_cli._app import App
    from papin_cli._session import Session

__all__ = ["job_ids", "model_ids", "read", "search_words"]

T = TypeVar("T")


def read(app: App, work: Callable[[Library], T]) -> T:
    """Return `work(library)`.

    When the registry is damaged, the kernel is opened once, which rebuilds it, and the reading is tried again.
    """
    from papin.errors import RegistryFailed  # noqa: PLC0415 - a command that shows help needs none of it

    try:
        return _read(work)
    except RegistryFailed:
        in_session(app, _nothing_more)
        return _read(work)


def _read(work: Callable[[Library], T]) -> T:
    from papin.library import open_library  # noqa: PLC0415 - as above

    with open_library() as library:
        return work(library)


async def _nothing_more(_session: Session) -> None:
    """Opening the kernel was all."""


def model_ids() -> tuple[str, ...]:
    """Return the ids of the installed models for a completion, or nothing where they cannot be read."""
    return _or_nothing(lambda library: tuple(library.model_ids()))


def job_ids() -> tuple[str, ...]:
    """Return the ids of the jobs for a completion, or nothing where they cannot be read."""
    return _or_nothing(lambda library: tuple(job.id for job in library.jobs()))


def search_words(text: str) -> tuple[str, ...]:
    """Return what the last word of a search may become, or nothing where that cannot be read."""
    return _or_nothing(lambda library: tuple(library.complete_search(text)))


def _or_nothing(work: Callable[[Library], tuple[str, ...]]) -> tuple[str, ...]:
    from papin.errors import PapinError  # noqa: PLC0415 - as above

    try:
        return _read(work)
    except PapinError:
        return ()
