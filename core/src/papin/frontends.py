"""What a frontend implements: a sync `main` that owns its event loop and returns the exit status."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import msgspec

__all__ = ["Frontend", "Launch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How papin was called: the name of the program, and the arguments after what chose the frontend."""

    program: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontend:
    """The descriptor of a frontend. `settings` is the Struct of its table in the configuration."""

    name: str
    summary: str
    main: Callable[[Launch], int]
    settings: type[msgspec.Struct] | None = None
