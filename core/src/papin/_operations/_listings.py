"""What a provider's list is worth: checked before it is believed, compared with the one before. Pure, but for stats."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta

import msgspec

from papin.errors import Problem, ProviderFailed
from papin.events import Event, ProviderAppeared, ProviderChanged, ProviderVanished
from papin.inventories import Inventory, Listing, ProviderFile, ProviderModel

MOST_MODELS = 100_000
"""How many models a provider may list; more is taken for nonsense."""

MOST_BYTES = 64 << 20
"""How large a list may be when it is recorded."""

_LONGEST_REFERENCE = 1024
_SHORT = timedelta(minutes=1)
_listing = msgspec.json.Decoder(Listing)
_model = msgspec.json.Decoder(ProviderModel)


def checked(provider: str, listing: object) -> Listing:
    """Return what a provider told, decoded anew, so that everything in it is what it should be. Long for thousands.

    Raises:
        ProviderFailed: it is too much, or nonsense.
    """
    if not isinstance(listing, Listing):
        raise _nonsense(provider, f"a {type(listing).__name__} instead of a list")
    try:
        if len(listing.models) > MOST_MODELS:
            raise _nonsense(provider, f"more than {MOST_MODELS} models")
        rest = msgspec.json.encode(msgspec.structs.replace(listing, models=()))
        models = _sound(provider, listing.models, len(rest))
        found = _listing.decode(rest)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        raise _nonsense(provider, f"a list that makes no sense: {error!s:.200}") from error
    return msgspec.structs.replace(found, models=models)


def _sound(provider: str, models: Iterable[ProviderModel], size: int) -> tuple[ProviderModel, ...]:
    """Return those of `models` that are sound, each name once; `size` is that of the rest of the list."""
    # One by one, since the decoder keeps the interpreter to itself until it is done.
    found: dict[str, ProviderModel] = {}
    _bound(provider, size)
    for each in models:
        data = msgspec.json.encode(each)
        size += len(data)
        _bound(provider, size)
        model = _model.decode(data)
        if _is_sound(model):
            found.setdefault(model.reference, model)
    return tuple(found.values())


def _bound(provider: str, size: int) -> None:
    if size > MOST_BYTES:
        raise _nonsense(provider, f"a list of more than {MOST_BYTES >> 20} MiB")


def _is_sound(model: ProviderModel) -> bool:
    sizes = (model.size, *(file.size for file in model.files))
    name = model.reference
    return 0 < len(name) <= _LONGEST_REFERENCE and name.isprintable() and all(0 <= size < 1 << 63 for size in sizes)


def _nonsense(provider: str, what: str) -> ProviderFailed:
    return ProviderFailed(
        f"{provider} answers {what}", next_step=f"See what else answers at its address: papin providers show {provider}"
    )


def identified(
    models: Sequence[ProviderModel],
    digest_of: Callable[[ProviderFile, os.stat_result], str],
) -> tuple[ProviderModel, ...]:
    """Return `models` with size and inode of each file that can be looked at, and its digest where that is known.

    `digest_of` is asked for each such file. Blocks for the looking.
    """
    return tuple([_identified(model, digest_of) for model in models])


def _identified(model: ProviderModel, digest_of: Callable[[ProviderFile, os.stat_result], str]) -> ProviderModel:
    if not any(file.path for file in model.files):
        return model
    files = []
    for file in model.files:
        status = _status(file.path) if file.path else None
        if status is None:
            files.append(msgspec.structs.replace(file, inode=None))
            continue
        inode = (status.st_dev, status.st_ino)
        digest = digest_of(file, status)
        files.append(msgspec.structs.replace(file, size=status.st_size, inode=inode, sha256=digest))
    return msgspec.structs.replace(model, files=tuple(files))


def _status(path: str) -> os.stat_result | None:
    try:
        status = os.stat(path)  # noqa: PTH116  # of thousands of files a Path each costs more than the looking
    except (OSError, ValueError):
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def mark_of(status: os.stat_result) -> str:
    """Return what changes when a file does: its size, time stamp and inode."""
    return f"{status.st_size}:{status.st_mtime_ns}:{status.st_dev}:{status.st_ino}"


def kept(old: Inventory | None, problem: Problem, empty: Inventory) -> Inventory:
    """Return the record of a provider that could not be asked: what it had, and why."""
    return msgspec.structs.replace(old or empty, problem=problem)


def remembered(old: Inventory | None, new: Listing) -> Listing:
    """Return the list of a program that is not here: what it had stays, but for what is gone from the disk."""
    if old is None or new.is_present or new.models:
        return new
    models = tuple(model for model in old.listing.models if _may_be_there(model))
    return msgspec.structs.replace(new, models=models)


def _may_be_there(model: ProviderModel) -> bool:
    paths = [file.path for file in model.files if file.path]
    return not paths or any(_status(path) is not None for path in paths)


def is_recorded(old: Inventory | None, new: Inventory) -> bool:
    """Tell whether `new` says nothing that `old` did not say already, a short while ago."""
    return old is not None and new.at - old.at < _SHORT and msgspec.structs.replace(old, at=new.at) == new


def changes(old: Inventory | None, new: Inventory) -> tuple[Event, ...]:
    """Return what happened to a provider between two records."""
    was_there, is_there = old is not None and old.is_there, new.is_there
    if is_there and not was_there:
        return (ProviderAppeared(provider=new.provider),)
    if was_there and not is_there:
        return (ProviderVanished(provider=new.provider),)
    if old is None or not is_there:
        return ()
    before, after = _versions(old), _versions(new)
    if before == after:
        return ()
    added = tuple(each for each in after if each not in before)
    removed = tuple(each for each in before if each not in after)
    return (ProviderChanged(provider=new.provider, added=added, removed=removed),)


def _versions(inventory: Inventory) -> Mapping[str, str]:
    return {model.reference: f"{model.digest} {model.size} {model.state}" for model in inventory.listing.models}
