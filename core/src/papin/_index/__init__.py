"""The index of what the catalogs have: one SQLite file that is searched without them, and can be made anew from them.

It stands beside the registry and not in it: what it holds is large and can be fetched again, so it is neither backed up
nor checked, waits for no disk, and is thrown away when it is damaged or of another version. Each catalog's entries and
the state of its last refresh change in one transaction. Entries of the same model, in whichever catalogs, share a card.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from papin._index._conditions import Here
    from papin._index._file import Index
    from papin._index._installed import Installed
    from papin._index._read import State

__all__ = ["Here", "Index", "Installed", "State"]

_HOMES = {"Here": "_conditions", "Index": "_file", "Installed": "_installed", "State": "_read"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
