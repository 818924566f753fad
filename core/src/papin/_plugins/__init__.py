"""Plugins: finding what is installed, collecting what it registers, and holding what it opens.

Each plugin is looked at by itself: its import and each of its hooks run on a thread with a time budget, whatever they
raise becomes a problem that names the distribution, and all others go on. An opened descriptor lives in a task of its
own, so that its crash closes that session only.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from papin._plugins.discovery import BUDGET, discover
from papin._plugins.found import Found, Plugins

if TYPE_CHECKING:
    from papin._plugins.sessions import Opener, Sessions, hold_sessions

__all__ = ["BUDGET", "Found", "Opener", "Plugins", "Sessions", "discover", "hold_sessions"]


def __getattr__(name: str) -> Any:
    """Import what needs trio only for those who use it: the `papin` script must start without."""
    if name not in __all__:
        raise AttributeError(name)
    return getattr(importlib.import_module("papin._plugins.sessions"), name)
