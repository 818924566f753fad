"""What a frontend implements: a sync `main` that owns its event loop and returns the exit status.

An expected error that it lets through is shown on stderr as everywhere: code, message, next step; the status is 2 for
a wrong configuration and 1 for the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import msgspec

__all__ = ["Frontend", "Launch"]


class Launch(NamedTuple):
    """How papin was called: the name of the program, and the arguments after what chose the frontend."""

    program: str
    arguments: tuple[str, ...]


class Frontend(NamedTuple):
    """The descriptor of a frontend. `settings` is the Struct of its table in the configuration."""

    name: str
    summary: str
    main: Callable[[Launch], int]
    settings: type[msgspec.Struct] | None = None
