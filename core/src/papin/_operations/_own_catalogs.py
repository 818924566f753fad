"""Catalogs of the user's own: added to a living kernel and to the configuration, and taken out of both.

What the configuration says of the catalogs that plugins bring is followed as well.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

import trio

from papin import config as configuration
from papin import names
from papin._index import _write
from papin._operations._openers import ContextMaker
from papin._operations._refreshing import refresh
from papin._operations._services import Services
from papin._plugins import instance_among
from papin.config import Config
from papin.discovery import Refreshed
from papin.errors import (
    ConfigInvalid,
    Conflict,
    NameInvalid,
    NotFound,
    PapinError,
    PluginFailed,
    StorageFailed,
    from_problem,
)

__all__ = ["OwnCatalogs"]

_log = logging.getLogger("papin.kernel")
_TABLE = "catalogs"
_WEB = ("http://", "https://")
_SHOWN = 40
_TAKEN_BACK_WITHIN = 10.0

_Stamp = tuple[int, ...]


class OwnCatalogs:
    """Opens and closes catalogs while the kernel lives; `load` reads the configuration anew."""

    def __init__(self, services: Services, contexts: ContextMaker, load: Callable[[], Config]) -> None:
        self._services = services
        self._contexts = contexts
        self._load = load
        self._known = services.config.catalogs()
        self._brought = {name: each for name, each in services.plugins.catalogs.items() if not self._is_own(name)}
        self._stamp: _Stamp | None = None
        self._changes = 0

    async def add(self, name: str, address: str, folder: Path | None) -> Refreshed:
        """Add a catalog and read it; one that cannot be read was a slip, and is taken back."""
        names.check(name, "catalog")
        place = place_of(address, folder)
        async with self._services.locked("catalogs"):
            await self._refuse_taken(name)
            kind = self._template()
            put = partial(configuration.put_table, self._services.config.file, (_TABLE, name))
            await trio.to_thread.run_sync(put, {configuration.KIND: kind, "address": place})
            read = False
            try:
                config = await trio.to_thread.run_sync(self._load)
                if not self._is_own(name):
                    self._put(name, config)
                done = await refresh(self._services, name, lambda _: None)
                if done.problem is not None:
                    raise _not_added(name, from_problem(done.problem))
                read = True
                return done
            finally:
                if not read:
                    with trio.move_on_after(_TAKEN_BACK_WITHIN, shield=True):
                        await self._forget(name)

    async def follow(self) -> None:
        """Open and close what was added, changed and removed in the configuration by others since it was read.

        What a catalog told before stays in the index. A configuration that cannot be read now is left for the next time
        that it changes.
        """
        changes = self._changes
        stamp, config = await trio.to_thread.run_sync(self._changed)
        if config is None or changes != self._changes:  # what we do ourselves meanwhile is newer than what was read
            return
        self._stamp = stamp
        told = config.catalogs()
        changed = [name for name in {**self._known, **told} if self._known.get(name) != told.get(name)]
        for name in changed:
            if self._is_own(name):
                self._close(name)
        self._known = {name: each for name, each in self._known.items() if name in told}
        for name in changed:
            self._put(name, config)

    def _changed(self) -> tuple[_Stamp, Config | None]:
        stamp = _stamp_of(self._services.config.file)
        if stamp == self._stamp:
            return stamp, None
        try:
            return stamp, self._load()
        except ConfigInvalid as error:
            _log.warning("%s", error.message)
            self._stamp = stamp
            return stamp, None

    async def remove(self, name: str) -> int:
        """Take a catalog out, and what it told out of the index; return how many models that were."""
        async with self._services.locked("catalogs"):
            own = self._own(await trio.to_thread.run_sync(self._load))
            if name not in own:
                raise NotFound(
                    f"there is no catalog {name[:_SHOWN]!a} of your own",
                    next_step=f"Catalogs of your own: {', '.join(own) or 'none'}.",
                )
            async with self._services.locked(f"refresh-{name}"):
                return await self._forget(name)

    async def _refuse_taken(self, name: str) -> None:
        plugins = self._services.plugins
        there = [found.descriptor for table in (plugins.catalogs, plugins.templates) for found in table.values()]
        taken = {each for about in there for each in (about.name, about.prefix)}
        if name in taken.union(self._own(await trio.to_thread.run_sync(self._load))):
            raise Conflict(f"there is a catalog {name} already", next_step="Choose another name: papin catalogs list.")

    def _template(self) -> str:
        for kind in self._services.plugins.templates:
            return kind
        raise PluginFailed(
            "no plugin that is installed reads a folder or an index", next_step="pip install papin-starter"
        )

    def _own(self, config: Config) -> list[str]:
        return [instance for table, instance in config.instances if table == _TABLE]

    def _is_own(self, name: str) -> bool:
        kind, _ = self._known.get(name, (name, None))
        return kind != name

    def _put(self, name: str, config: Config) -> None:
        """Have a catalog be what the configuration says of it; one of ours that had the name before was closed."""
        plugins, told = self._services.plugins, config.catalogs().get(name)
        if told is not None:
            self._known = {**self._known, name: told}
        if told is not None and self._is_own(name):
            found = instance_among({**self._brought, **plugins.templates}, _TABLE, name, told[0])
        elif name in self._brought:
            found = self._brought[name]
        else:
            return  # a table for a plugin that is not here
        self._services.sessions.remove(f"catalog {name}")
        self._services.sessions.add(f"catalog {name}", self._contexts.opener(_TABLE, found, config))
        plugins.catalogs = {**plugins.catalogs, name: found}  # whoever goes through them goes on with what was there
        self._changes += 1

    def _close(self, name: str) -> None:
        plugins = self._services.plugins
        plugins.catalogs = {each: found for each, found in plugins.catalogs.items() if each != name}
        self._services.sessions.remove(f"catalog {name}")
        self._known = {each: told for each, told in self._known.items() if each != name}
        self._changes += 1

    async def _forget(self, name: str) -> int:
        await trio.to_thread.run_sync(configuration.put_table, self._services.config.file, (_TABLE, name), None)
        self._close(name)
        if name in self._brought:  # a plugin brings one of that name, which the table only set up
            self._put(name, await trio.to_thread.run_sync(self._load))
        return await self._services.index_change(partial(_write.forget, catalog=name))


def _not_added(name: str, error: PapinError) -> PapinError:
    """Return the error of a catalog that was to be added: it is not there, so there is nothing to set or to remove."""
    if isinstance(error, NotFound | StorageFailed):
        error.next_step = f"Nothing was added. With the right address: papin catalogs add {name} ADDRESS"
    return error


def _stamp_of(file: Path) -> _Stamp:
    """Return what differs once a file was written, or replaced by another; nothing where there is none to look at."""
    try:
        found = file.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size


def place_of(address: str, folder: Path | None) -> str:
    """Return what is written down for `address`: a web address as it is, a folder by its whole path.

    Raises:
        NameInvalid: it says nothing, or is a path from nowhere.
    """
    if address.startswith(_WEB):
        return address
    is_path = address.strip() and "\0" not in address and "://" not in address
    path = Path(address).expanduser() if is_path else None
    if path is None or not (path.is_absolute() or folder):
        raise NameInvalid(
            f"{address[:_SHOWN]!a} is neither a web address nor the whole path of a folder",
            next_step="Give one like https://models.example.org/index.json or /mnt/models.",
        )
    return str(path if folder is None else folder / path)
