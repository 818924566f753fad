"""What the kernel hands to a plugin when it opens one of its descriptors."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import msgspec

from papin.events import Event
from papin.machine import Machine
from papin.models import Model

if TYPE_CHECKING:
    from papin.http import Http

__all__ = ["Context", "Files", "Folders", "NoSettings"]


class NoSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of a plugin that has none."""


Settings = TypeVar("Settings", bound=msgspec.Struct)


class Folders(msgspec.Struct, frozen=True, kw_only=True):
    """The plugin's own folders, which exist: `data` is kept, `cache` may be emptied, `run` lasts until a boot."""

    data: Path
    cache: Path
    run: Path


class Files(Protocol):
    """Where the files of an installed model are."""

    async def paths(self, model: Model) -> Sequence[Path]:
        """Return a path for each file of `model`, in its order. Raises `NotFound` when one is missing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Context(Generic[Settings]):
    """Everything that a plugin may use of papin.

    `settings` is the plugin's own Struct, decoded and checked. `publish` never blocks. `machine` reads the facts anew
    at each call and blocks for some milliseconds. `http` makes clients that obey the user's network settings.
    """

    name: str
    settings: Settings
    folders: Folders
    publish: Callable[[Event], None]
    log: logging.Logger
    files: Files
    machine: Callable[[], Machine]
    http: Http
