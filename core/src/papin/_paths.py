"""Where papin keeps its configuration, data, cache and per-boot files.

`PAPIN_HOME` moves everything into one folder; without it the folders are those of the system (platformdirs, which is
imported only then). Nothing is made here before somebody uses it, and what is made belongs to the user alone.
"""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from papin.errors import ConfigInvalid, StorageFailed

__all__ = ["Paths", "find_paths", "make_folder"]


class Paths(NamedTuple):
    """The places: `data` is kept, `cache` may be emptied, `run` lasts until the next boot (sockets, locks)."""

    config_file: Path
    data: Path
    cache: Path
    run: Path


def find_paths(environ: Mapping[str, str] = os.environ) -> Paths:
    """Return the places, making none of them.

    Raises:
        ConfigInvalid: `PAPIN_HOME` is no folder of its own.
    """
    if home := environ.get("PAPIN_HOME"):
        return _under(Path(home).expanduser().absolute())
    import platformdirs  # noqa: PLC0415  costs milliseconds that PAPIN_HOME saves

    with warnings.catch_warnings():
        # Where the system has no folder for a session, it names another one that will do, and says so on stderr.
        warnings.simplefilter("ignore")
        run = platformdirs.user_runtime_path("papin", appauthor=False)
    return Paths(
        config_file=platformdirs.user_config_path("papin", appauthor=False) / "config.toml",
        data=platformdirs.user_data_path("papin", appauthor=False),
        cache=platformdirs.user_cache_path("papin", appauthor=False),
        run=run,
    )


def _under(home: Path) -> Paths:
    if home == Path(home.anchor):
        raise ConfigInvalid(
            f"PAPIN_HOME is {home}, which is the root of the file system",
            next_step="Set PAPIN_HOME to a folder that papin may have for itself.",
        )
    return Paths(config_file=home / "config.toml", data=home / "data", cache=home / "cache", run=home / "run")


def make_folder(path: Path) -> Path:
    """Make the folder `path` if it is missing, readable by the user alone, and return it.

    Raises:
        StorageFailed: it cannot be made, is no folder, or belongs to somebody else.
    """
    try:
        _make(path)
        found = path.stat()
    except (OSError, ValueError) as error:  # a ValueError for a path that no system has, with a NUL in it
        raise StorageFailed(
            f"The folder {str(path)!r:.200} cannot be used: {getattr(error, 'strerror', None) or error}",
            next_step="Make it writable, or set PAPIN_HOME to a folder that is.",
        ) from error
    if not stat.S_ISDIR(found.st_mode):
        raise StorageFailed(f"{path} is not a folder", next_step="Move it away, or set PAPIN_HOME to another place.")
    if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
        raise StorageFailed(
            f"The folder {path} belongs to another user",
            next_step="Set PAPIN_HOME to a folder of your own.",
        )
    return path


def _make(path: Path) -> None:
    """Make `path` and its parents with mode 0700: `Path.mkdir` gives the parents the default mode."""
    if path.exists():
        return
    _make(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
