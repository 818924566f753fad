"""From descriptors to openers: what each plugin session is opened with."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from papin import names
from papin._paths import Paths, make_folder
from papin._plugins import Found, Opener, Plugins
from papin.config import Config
from papin.context import Context, Files, Folders
from papin.events import Event
from papin.http import Http
from papin.machine import Machine

# The kinds that open a session: the table of `Plugins` (and of the configuration), and the word for one of them.
_KINDS = (("providers", "provider"), ("catalogs", "catalog"), ("storages", "storage"))


def own_folders(paths: Paths, table: str, name: str) -> Folders:
    """Return the private folders of the plugin `name` of a kind, made where they are missing."""

    def make(root: Path) -> Path:
        return make_folder(names.place(make_folder(root), table, name))

    return Folders(data=make(paths.data), cache=make(paths.cache), run=make(paths.run))


class ContextMaker:
    """Makes the context of each descriptor: its settings, its own folders, and the kernel's services."""

    def __init__(
        self, config: Config, paths: Paths, publish: Callable[[Event], None], http: Http, machine: Callable[[], Machine]
    ) -> None:
        self._config = config
        self._paths = paths
        self._publish = publish
        self._http = http
        self._machine = machine
        self.files: Files | None = None
        """Set once there are sessions to ask for files; every session is opened after that."""

    def make(self, table: str, descriptor: Any, config: Config) -> Context[Any]:
        """Return the context of `descriptor`, whose settings are those of `[table.name]`."""
        assert self.files is not None
        name: str = descriptor.name
        return Context(
            name=name,
            settings=config.table(table, name, descriptor.settings),
            folders=own_folders(self._paths, table, name),
            publish=self._publish,
            log=logging.getLogger(f"papin.{table}.{name}"),
            files=self.files,
            machine=self._machine,
            http=self._http,
        )

    def openers(self, plugins: Plugins) -> dict[str, Opener]:
        """Return an opener for each descriptor that has a session, by "word name": `provider llamacpp`."""
        return {
            f"{word} {name}": self.opener(table, found, self._config)
            for table, word in _KINDS
            for name, found in getattr(plugins, table).items()
        }

    def opener(self, table: str, found: Found[Any], config: Config) -> Opener:
        """Return an opener for one descriptor, with its settings in `config`."""

        def open_session() -> AbstractAsyncContextManager[Any]:
            if found.refusal is not None:  # its settings could not be decoded either
                raise found.refusal
            manager: AbstractAsyncContextManager[Any] = found.descriptor.open(
                self.make(table, found.descriptor, config)
            )
            return manager

        return Opener(plugin=found.plugin, open=open_session)
