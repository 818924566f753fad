"""The session with a program that is no more than a folder here: it reports itself and lists, and changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trio
import trio.from_thread

from papin.context import Context
from papin.errors import EngineMissing
from papin.inventories import Listing
from papin.models import Engine
from papin_found._finders import Finder
from papin_found._places import Machine
from papin_found._settings import FolderSettings
from papin_found._walk import Walker

__all__ = ["FolderSession", "open_folder", "scan"]


def scan(root: Path, find: Finder, check: Callable[[], None]) -> Listing:
    """Return what is in `root`. Blocks; `check` may raise to end it.

    Raises:
        ProviderFailed: the folder is there and cannot be read.
    """
    walker = Walker(check)
    if not walker.root(str(root)):
        return Listing(is_present=False, stamps=walker.stamps)
    models = find(walker, str(root))
    return Listing(models=tuple(models), stamps=walker.stamps)


class FolderSession:
    """Looks into one folder."""

    def __init__(self, title: str, place: Callable[[], Path], find: Finder) -> None:
        self._title = title
        self._place = place
        self._find = find

    async def engine(self) -> Engine:
        """Return the program by its folder; whether it runs does not matter."""
        root = await trio.to_thread.run_sync(self._place)
        if not await trio.Path(root).is_dir():
            raise EngineMissing(
                f"{self._title} keeps no models here: there is no folder {root}",
                next_step="Nothing to do, unless they are elsewhere: then set the folder of this provider.",
            )
        return Engine(name=self._title, path=str(root))

    async def models(self) -> Listing:
        """Return the models in the folder; see `papin.providers.Lists`."""
        return await trio.to_thread.run_sync(lambda: scan(self._place(), self._find, trio.from_thread.check_cancelled))


@asynccontextmanager
async def open_folder(
    context: Context[FolderSettings], title: str, place: Callable[[Machine], Path], find: Finder
) -> AsyncIterator[FolderSession]:
    """Open a session with the folder that the settings name, or the program's own."""
    chosen = context.settings.folder
    yield FolderSession(title, lambda: Path(chosen).expanduser() if chosen else place(Machine.this()), find)
