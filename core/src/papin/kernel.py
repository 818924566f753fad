"""The kernel: opens the registry, the plugins and the jobs, and hands out the operations.

    async with open_kernel() as kernel:
        for model in await kernel.models.list():
            print(model.id)

Inside are two nurseries: one task for each open plugin session, so that a crash closes that session only, and one task
for each job. Leaving ends the jobs (they can be resumed) and closes the sessions, in bounded time.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import partial

import msgspec
import trio

from papin import _machine
from papin import config as configuration
from papin._bus import Bus
from papin._index import Index
from papin._jobs import Jobs, Ledger
from papin._operations import _recovery
from papin._operations._advice import Advice
from papin._operations._catalogs import Catalogs
from papin._operations._discovery import Discovery
from papin._operations._downloads import Downloads
from papin._operations._echo import Echo
from papin._operations._journal import Journal
from papin._operations._models import Models
from papin._operations._openers import ContextMaker, own_folders
from papin._operations._own_catalogs import OwnCatalogs
from papin._operations._providers import Providers
from papin._operations._repairs import Repairs
from papin._operations._reports import Reports
from papin._operations._services import Services, StoredFiles
from papin._operations._storage import Storage
from papin._operations._updates import Updates
from papin._paths import Paths, find_paths, make_folder
from papin._plugins import Plugins, add_instances, discover, hold_sessions, watch_loop
from papin._registry import FILE_NAME, Registry, open_registry
from papin.answers import PluginInfo
from papin.config import Config, Tables
from papin.context import Folders
from papin.credentials import open_credentials
from papin.errors import PapinError
from papin.http import Http
from papin.machine import Machine

__all__ = ["Kernel", "open_kernel", "settings_tables"]

_log = logging.getLogger("papin.kernel")


class Kernel:
    """What a frontend holds: the operations in their groups, the bus and the journal."""

    def __init__(self, services: Services, own: OwnCatalogs) -> None:
        self._services = services
        self.bus = services.bus
        self.config = services.config
        self.providers = Providers(services)
        self.models = Models(services, self.providers)
        self.catalogs = Catalogs(services, own)
        self.downloads = Downloads(services, self.catalogs, self.providers)
        self.downloads.bringing.share = self.models.share
        self.downloads.bringing.share_again = self.models.share_again
        self.storage = Storage(services, self.models, self.providers)
        self.advice = Advice(services, self.catalogs, self.models)
        self.discovery = Discovery(services, self.catalogs, self.advice)
        self.updates = Updates(services, self.catalogs, self.models, self.downloads)
        self.repairs = Repairs(services, self.models, self.downloads)
        self.journal = Journal(services.records, services.jobs.wakeups)

    def plugins(self) -> tuple[PluginInfo, ...]:
        """Return the installed plugins with what they register and their problems."""
        return self._services.plugins.listing()

    def folders(self, frontend: str) -> Folders:
        """Return the private folders of a frontend, made where they are missing.

        Raises:
            StorageFailed: one cannot be made.
        """
        return own_folders(self._services.paths, "frontends", frontend)

    async def machine(self) -> Machine:
        """Return what this machine has now."""
        return await trio.to_thread.run_sync(self._services.machine)


def settings_tables() -> Tables:
    """Return the table of the configuration of each plugin that is installed; blocks while they are imported.

    It needs no kernel and no configuration, so that a broken one can be shown and mended.
    """
    plugins = discover()
    found = [(kind, name, each) for kind in configuration.KINDS for name, each in getattr(plugins, kind).items()]
    settings = {(kind, name): getattr(each.descriptor, "settings", None) for kind, name, each in found}
    return {table: struct for table, struct in settings.items() if struct is not None}


@contextmanager
def _alone() -> Iterator[None]:
    # Jobs and sessions end in guards of their own, so what leaves the nurseries is the body's own error: handing it
    # on without its wrapping groups lets callers write `except PapinError`.
    try:
        yield
    except BaseExceptionGroup as group:
        error = _leaf(group)
        if error is None:
            raise
        raise error from error.__cause__


def _leaf(error: BaseException) -> BaseException | None:
    """Return what a group comes down to: its only error, or the first one where all of them are expected."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    if len(error.exceptions) == 1:
        return _leaf(error.exceptions[0])
    expected, others = error.split(PapinError)
    return None if others or expected is None else _leaf(expected.exceptions[0])


@asynccontextmanager
async def open_kernel(
    config: Config | None = None, *, offline: bool | None = None, environ: Mapping[str, str] = os.environ
) -> AsyncIterator[Kernel]:
    """Open the kernel; `offline` overrides what the configuration says.

    Raises:
        ConfigInvalid: the configuration cannot be used.
        RegistryFailed: the registry cannot be opened (one that is damaged is rebuilt).
        StorageFailed: papin's folders cannot be made.
    """
    paths = find_paths(environ)
    config = config or configuration.load(paths, environ)
    if offline is not None:
        config.core = msgspec.structs.replace(config.core, offline=offline)
    plugins = await trio.to_thread.run_sync(partial(discover, disabled=config.core.disabled_plugins))
    add_instances(plugins, config.instances)
    registry = await trio.to_thread.run_sync(open_registry, make_folder(paths.data) / FILE_NAME, make_folder(paths.run))
    try:
        http = Http(offline=config.core.offline, find_token=open_credentials(environ).find, environ=environ)
        with _alone():
            load = partial(configuration.load, paths, environ)
            async with _running(config, paths, plugins, registry, http, load=load) as kernel:
                yield kernel
    finally:
        registry.close()


@asynccontextmanager
async def _running(
    config: Config, paths: Paths, plugins: Plugins, registry: Registry, http: Http, *, load: Callable[[], Config]
) -> AsyncIterator[Kernel]:
    bus = Bus()
    machine = partial(_machine.read, (paths.data,))
    records = Ledger(registry, bus)
    index = Index(paths.data)
    reports = Reports(bus, records)
    contexts = ContextMaker(config, paths, reports.publish, http, machine)
    async with hold_sessions(contexts.openers(plugins), bus.publish) as sessions, trio.open_nursery() as nursery:
        nursery.start_soon(watch_loop, plugins, bus.publish)
        nursery.start_soon(reports.run)
        contexts.files = files = StoredFiles(sessions, records)
        services = Services(
            config=config,
            paths=paths,
            plugins=plugins,
            sessions=sessions,
            records=records,
            bus=bus,
            http=http,
            jobs=Jobs(nursery, registry, paths.run, bus),
            machine=machine,
            files=files,
            index=index,
        )
        for problem in plugins.problems:
            bus.publish(problem)
            _log.warning("%s", problem.problem.message)
        await _recovery.recover(services, registry)
        nursery.start_soon(Echo(records, services.jobs, bus).run)
        kernel = Kernel(services, OwnCatalogs(services, contexts, load))
        await kernel.models.finish_shares()
        yield kernel
        nursery.cancel_scope.cancel()
    index.close()
    bus.close()
