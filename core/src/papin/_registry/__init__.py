"""The registry: what papin knows, in one SQLite file that several processes use at once.

Reading (`Read`) and changing (`Write`, inside `Registry.change`) are two halves, so that a command that only shows what
is recorded needs nothing but the first: the names below are imported when they are used. A change and the journal rows
that tell of it are one transaction, and every process that follows is woken through a FIFO after the commit. A file
that is damaged is set aside, never deleted, and a fresh one asks (`Registry.needs_rebuild`) to be filled from what the
storages hold. Nothing here knows trio: the kernel calls it in threads.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from papin._registry._jobs import OPEN
    from papin._registry._owner import Owner, is_alive, this_process, wait_gone
    from papin._registry._read import Read
    from papin._registry._registry import Registry, open_registry
    from papin._registry._schema import FILE_NAME
    from papin._registry._wakeup import Follower
    from papin._registry._write import Write

__all__ = [
    "FILE_NAME",
    "OPEN",
    "Follower",
    "Owner",
    "Read",
    "Registry",
    "Write",
    "is_alive",
    "open_registry",
    "this_process",
    "wait_gone",
]

_HOMES = {
    "FILE_NAME": "_schema",
    "Follower": "_wakeup",
    "OPEN": "_jobs",
    "Owner": "_owner",
    "Read": "_read",
    "Registry": "_registry",
    "Write": "_write",
    "is_alive": "_owner",
    "open_registry": "_registry",
    "this_process": "_owner",
    "wait_gone": "_owner",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
