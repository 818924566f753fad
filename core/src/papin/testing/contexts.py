"""The context that a kernel would hand to a descriptor, made in a folder of a test."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from papin.context import Context, Files, Folders, NoSettings
from papin.errors import NotFound
from papin.events import Event
from papin.http import Http
from papin.machine import Machine, Memory
from papin.models import Model

__all__ = ["MACHINE", "KnownFiles", "make_context"]

MACHINE = Machine(system="Linux", architecture="x86_64", cores=4, memory=Memory(total=16 << 30, available=8 << 30))
"""A machine that does not change with the one that the tests run on."""


class KnownFiles:
    """A `Files` that knows the paths of some models, by their ids."""

    def __init__(self, known: Mapping[str, Sequence[Path]]) -> None:
        self._known = known

    async def paths(self, model: Model) -> Sequence[Path]:
        """Return the paths of `model`. Raises `NotFound` for one that is not known."""
        if model.id not in self._known:
            raise NotFound(f"The files of {model.id} are missing", next_step=f"papin models verify {model.id}")
        return self._known[model.id]


def make_context(
    descriptor: Any,
    folder: Path,
    /,
    *,
    publish: Callable[[Event], None] | None = None,
    files: Files | None = None,
    http: Http | None = None,
    machine: Machine = MACHINE,
    **settings: Any,
) -> Context[Any]:
    """Return a context for `descriptor` whose folders are made in `folder`.

    `settings` are what would stand in its table of the configuration. Events go to `publish`, or nowhere; there are
    no files and, with `http` left out, no network but this machine.

    Raises:
        msgspec.ValidationError: the descriptor has no such settings.
    """
    kind = descriptor.settings or NoSettings
    return Context(
        name=descriptor.name,
        settings=msgspec.convert(settings, kind, dec_hook=_path),
        folders=_folders(folder),
        publish=publish or _nowhere,
        log=logging.getLogger(f"papin.testing.{descriptor.name}"),
        files=files or KnownFiles({}),
        machine=lambda: machine,
        http=http or Http(offline=True),
    )


def _path(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise msgspec.ValidationError(f"Expected `{kind.__name__}`, got `{type(value).__name__}`")


def _folders(folder: Path) -> Folders:
    made = Folders(data=folder / "data", cache=folder / "cache", run=folder / "run")
    for each in (made.data, made.cache, made.run):
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
    return made


def _nowhere(event: Event) -> None:
    """Take an event, and tell nobody."""
