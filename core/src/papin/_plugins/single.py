from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from papin._plugins.guard import TooSlow, guarded
from papin._plugins.installed import EntryPoint, entry_points
from papin.errors import PluginFailed
from papin.hookspecs import PROJECT

if TYPE_CHECKING:
    from papin.frontends import Frontend

_HOOK = f"{PROJECT}_frontends"


def find_frontend(name: str, budget: float) -> Frontend | None:
    """Return the frontend of the only plugin of that name, if nothing at all is wrong with it, else None.

    It is what `discover(only=name)` finds, at a third of the time: neither pluggy nor the pages of other kinds are
    imported. Whoever gets None asks `discover`, which tells what is wrong.

    Raises:
        PluginFailed: it took longer than `budget` seconds, so that nobody should wait for it again.
    """
    entries = [entry for entry in entry_points() if entry.name == name]
    if len(entries) != 1:
        return None
    found = guarded(lambda: _frontends(entries[0]), budget)
    if isinstance(found, TooSlow):
        (entry,) = entries
        raise PluginFailed(
            f"Plugin {entry.name} ({entry.distribution} {entry.version}) could not be loaded: {found}",
            next_step=f"Update or remove {entry.distribution}, or tell its authors.",
        )
    if isinstance(found, BaseException) or len(found) != 1 or found[0].name != name:
        return None
    return found[0]


def _frontends(entry: EntryPoint) -> list[Frontend]:
    from papin.frontends import Frontend  # noqa: PLC0415  inside the guard, as all that a plugin needs

    function = getattr(importlib.import_module(entry.value), _HOOK)
    marks = getattr(function, f"{PROJECT}_impl")
    found = [] if any(marks.values()) else list(function())
    return [each for each in found if isinstance(each, Frontend) and callable(each.main)]
