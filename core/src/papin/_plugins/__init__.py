"""Plugins: finding what is installed, collecting what it registers, and holding what it opens.

Each plugin is looked at by itself: its import and each of its hooks run on a thread with a time budget, whatever they
raise becomes a problem that names the distribution, and all others go on. An opened descriptor lives in a task of its
own, so that its crash closes that session only.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from papin._plugins.discovery import BUDGET, discover
    from papin._plugins.found import Found, Plugins
    from papin._plugins.instances import add_instances, instance_among, instance_of
    from papin._plugins.sessions import Opener, Sessions, hold_sessions
    from papin._plugins.single import find_frontend
    from papin._plugins.watchdog import watch_loop

__all__ = [
    "BUDGET",
    "Found",
    "Opener",
    "Plugins",
    "Sessions",
    "add_instances",
    "discover",
    "find_frontend",
    "hold_sessions",
    "instance_among",
    "instance_of",
    "watch_loop",
]

_HOMES = {
    "discovery": ("BUDGET", "discover"),
    "found": ("Found", "Plugins"),
    "instances": ("add_instances", "instance_among", "instance_of"),
    "sessions": ("Opener", "Sessions", "hold_sessions"),
    "single": ("find_frontend",),
    "watchdog": ("watch_loop",),
}


def __getattr__(name: str) -> Any:
    """Import what imports trio or pluggy only for those who use it: the `papin` script starts without them."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"papin._plugins.{home}"), name)
    raise AttributeError(name)
