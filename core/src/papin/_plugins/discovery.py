from __future__ import annotations

import importlib
import inspect
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any

import pluggy

from papin._plugins.formats import guard_format
from papin._plugins.found import Plugins
from papin._plugins.guard import TooSlow, guarded
from papin._plugins.installed import EntryPoint, entry_points
from papin._plugins.kinds import KINDS, Kind, fault
from papin.hookspecs import PROJECT, HookSpecs

BUDGET = 5.0
"""Seconds that the import of a plugin, or one of its hooks, may take: they do no I/O, so that a slow disk is all."""

MOST = 1000
"""How many descriptors a hook may yield."""


def discover(
    disabled: Collection[str] = (),
    only: str | None = None,
    *,
    path: Sequence[str] | None = None,
    budget: float = BUDGET,
) -> Plugins:
    """Collect what all installed plugins register; blocks while they are imported.

    `disabled` plugins are listed and not imported; `only` looks at the one plugin of that name. `path` are folders to
    search instead of `sys.path`. Nothing that a plugin does is raised here: it is a problem in the result.
    """
    plugins = Plugins()
    seen: dict[str, EntryPoint] = {}
    for entry in entry_points(path):
        if only is not None and entry.name != only:
            continue
        plugins.note(entry, disabled=entry.name in disabled)
        if entry.name in disabled:
            continue
        if entry.name in seen:
            first = seen[entry.name]
            plugins.refuse(entry, f"has the name of a plugin of {first.distribution} {first.version}, which is used")
            continue
        seen[entry.name] = entry
        _collect(plugins, entry, budget)
    return plugins


def _collect(plugins: Plugins, entry: EntryPoint, budget: float) -> None:
    loaded = guarded(lambda: _load(entry), budget)
    if isinstance(loaded, BaseException):
        plugins.refuse(entry, f"could not be imported: {_say(loaded)}", cause=loaded)
        return
    manager, faults = loaded
    for what in faults:
        plugins.refuse(entry, what)
    for kind in KINDS:
        for implementation in getattr(manager.hook, kind.hook).get_hookimpls():
            _call(plugins, entry, kind, implementation, budget)


def _load(entry: EntryPoint) -> tuple[pluggy.PluginManager, list[str]]:
    """Import the plugin into a manager of its own; pluggy refuses hooks with arguments that there are not."""
    module_name, _, attribute = entry.value.partition(":")
    plugin: Any = importlib.import_module(module_name)
    for part in filter(None, attribute.split(".")):
        plugin = getattr(plugin, part)
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(HookSpecs)
    manager.register(plugin, entry.name)
    return manager, list(_misnamed(manager, plugin))


def _misnamed(manager: pluggy.PluginManager, plugin: Any) -> Iterator[str]:
    """Yield what is wrong with the names of hooks: pluggy alone would never call these, and never say so."""
    hooks = [kind.hook for kind in KINDS]
    for name in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, name)
        hook = (options["specname"] or name) if options is not None else ""
        if hook and hook not in hooks:
            yield f"has a hook {hook}, which does not exist. {_nearest(hook, hooks)}"
        if options is None and name.startswith(f"{PROJECT}_") and inspect.isroutine(getattr(plugin, name)):
            yield f"has a function {name} that is not marked with @hookimpl, so that it is not called"


def _nearest(name: str, hooks: list[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  only wanted for an error

    matches = get_close_matches(name, hooks, n=1)
    return f"Did its author mean {matches[0]}?" if matches else f"There are {', '.join(hooks)}."


def _call(plugins: Plugins, entry: EntryPoint, kind: Kind, implementation: pluggy.HookImpl, budget: float) -> None:
    if implementation.wrapper or implementation.hookwrapper:
        plugins.refuse(entry, f"wraps the hook {kind.hook}; hooks of papin only register")
        return
    result = guarded(lambda: _descriptors(kind, implementation), budget)
    if isinstance(result, BaseException):
        plugins.refuse(entry, f"failed in its hook {kind.hook}: {_say(result)}", cause=result)
        return
    descriptors, faults = result
    for what in faults:
        plugins.refuse(entry, f"registers with {kind.hook} {what}")
    for descriptor in descriptors:
        if kind.table == "formats":
            descriptor = guard_format(plugins, entry, descriptor)  # noqa: PLW2901
        plugins.admit(entry, kind.table, kind.word, descriptor)


def _descriptors(kind: Kind, implementation: pluggy.HookImpl) -> tuple[list[Any], list[str]]:
    result: Any = implementation.function()
    if inspect.iscoroutine(result):
        result.close()
        raise TypeError("it is an async function, and hooks are sync")
    if not hasattr(result, "__iter__") or isinstance(result, (str, bytes)):
        raise TypeError(f"it returned a {type(result).__name__}; it must yield descriptors, or return a list of them")
    items = list(islice(result, MOST + 1))
    if len(items) > MOST:
        raise ValueError(f"it yields more than {MOST} descriptors")
    checked = [(item, fault(kind, item)) for item in items]
    return [item for item, what in checked if not what], [what for _, what in checked if what]


def _say(error: BaseException) -> str:
    if isinstance(error, TooSlow):
        return str(error)
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  a guard: an exception of a plugin may not even be printable
        text = "an error that cannot be printed"
    return f"{type(error).__name__}: {text:.500}" if text else type(error).__name__
