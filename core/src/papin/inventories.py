"""What a provider has: the models that it lists, where their files lie, and whether a list is still true.

A list is recorded with the time stamps of the folders that it was read from, so that whoever shows it later can tell
without asking anybody whether it may have changed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from papin._disk import mtime
from papin.errors import Problem
from papin.models import FileRole, Value

__all__ = [
    "Inventory",
    "Listing",
    "ProviderDetails",
    "ProviderFile",
    "ProviderModel",
    "Remark",
    "Stamp",
    "closed",
    "is_current",
    "stamp",
    "stamped",
]

_COARSE = 50_000_000


class ProviderFile(Value, frozen=True, kw_only=True):
    """A file of a provider's model. `path` is empty where the provider does not tell, as one on another machine.

    `name` is a plain file name for people. `sha256` is what the provider says and nobody has checked; empty: unknown.
    `inode` is (device, inode) of the file that `path` leads to, which the kernel finds out.
    """

    name: str
    size: int
    path: str = ""
    sha256: str = ""
    role: FileRole = "weights"
    inode: tuple[int, int] | None = None


class ProviderModel(Value, frozen=True, kw_only=True):
    """A model as a provider lists it. `reference` is the provider's own name, `digest` its own mark of a version.

    `state` is `remote` for one whose weights are elsewhere (a cloud model: no bytes here), `damaged` for one with
    missing or wrong files, which `problem` tells; `size` is in bytes of all files on disk.
    """

    reference: str
    files: tuple[ProviderFile, ...] = ()
    size: int = 0
    digest: str = ""
    format: str = ""
    architecture: str = ""
    parameters: int | None = None
    quantization: str = ""
    context_length: int | None = None
    license: str = ""
    capabilities: tuple[str, ...] = ()
    modified_at: datetime | None = None
    state: Literal["ready", "remote", "damaged"] = "ready"
    problem: str = ""


class ProviderDetails(Value, frozen=True, kw_only=True):
    """What a provider says of one model besides: texts are shown as they are and never rendered.

    `parameters` are the provider's own settings of the model by the provider's own names, as text.
    """

    reference: str
    template: str = ""
    system_prompt: str = ""
    license: str = ""
    parameters: dict[str, str] = msgspec.field(default_factory=dict)
    metadata: dict[str, str | int | float | bool] = msgspec.field(default_factory=dict)


class Stamp(Value, frozen=True, kw_only=True):
    """When a folder or file was last changed, in nanoseconds of the epoch; None: it was not there; -1: just now."""

    path: str
    mtime_ns: int | None


class Listing(Value, frozen=True, kw_only=True):
    """What a provider has now. `stamps` were taken before it was read; without any, only asking again tells.

    `is_present` is False when the program is not here at all, and then `stamps` say where it would appear. `unused`
    are files between those of the models that belong to none: left behind, or downloads that did not end. `unreadable`
    is the folder of this machine where its files lie, if papin may not read it and so can tell none of them.
    """

    models: tuple[ProviderModel, ...] = ()
    unused: tuple[ProviderFile, ...] = ()
    stamps: tuple[Stamp, ...] = ()
    is_present: bool = True
    unreadable: str = ""


class Inventory(Value, frozen=True, kw_only=True):
    """A recorded list. `problem` tells why the provider could not be asked last: then the list is an older one.

    `shared` are the digests of the files that are one file with a payload of papin.
    """

    provider: str
    at: datetime
    listing: Listing
    problem: Problem | None = None
    shared: tuple[str, ...] = ()

    @property
    def is_there(self) -> bool:
        """Tell whether the provider answered last, and was there."""
        return self.problem is None and self.listing.is_present


class Remark(Value, frozen=True, kw_only=True, omit_defaults=True):
    """What the user says of a model that only a provider has, and how it was used: as in `papin.models.Model`."""

    favourite: bool = False
    tags: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()
    settings: dict[str, str | int | float | bool] = msgspec.field(default_factory=dict)
    last_used_at: datetime | None = None
    uses: int = 0


def closed(paths: Iterable[Path]) -> str:
    """Return the folder of the first of these files that nobody but others may look for, or nothing; blocks.

    That is what `Listing.unreadable` tells.
    """
    for path in paths:
        try:
            path.stat()
        except PermissionError:
            return str(path.parent)
        except (OSError, ValueError):
            continue
    return ""


def stamp(paths: Iterable[Path | str]) -> tuple[Stamp, ...]:
    """Return the stamps of folders or files, to be taken before they are read. Blocks for a moment."""
    return tuple([stamped(str(path), mtime(path)) for path in paths])


def stamped(path: str, mtime_ns: int | None) -> Stamp:
    """Return the stamp of a folder or file whose time is known, as of now."""
    # Time stamps are coarse: what changed just now may change once more and keep its stamp. Read it again next time.
    is_new = mtime_ns is not None and abs(time.time_ns() - mtime_ns) < _COARSE
    return Stamp(path=path, mtime_ns=-1 if is_new else mtime_ns)


def is_current(stamps: Iterable[Stamp]) -> bool:
    """Tell whether nothing that was stamped has changed since. Blocks for a moment."""
    return all(mtime(each.path) == each.mtime_ns for each in stamps)
