from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from papin._config.decoding import decode, field_type, from_text, near
from papin._config.source import Source, invalid, parse, read_text
from papin._paths import make_folder
from papin.errors import ConfigInvalid, StorageFailed

Target = tuple[tuple[str, ...], type[msgspec.Struct]]
"""A table's path and its Struct."""


def edit(file: Path, target: Target, keys: tuple[str, ...], text: str) -> Any:
    """Set `keys` in the table `target` of `file` to what `text` says, durably, keeping everything else as it is.

    Returns the value. Nothing is written unless the table that results can be decoded.

    Raises:
        ConfigInvalid: there is no such key, or the value is not one for it, or the file was broken before.
        StorageFailed: it cannot be written.
    """
    path, kind = target
    value = _typed(path, keys, text, kind)
    make_folder(file.parent)
    with _locked(file.parent):
        before = read_text(file)
        data = parse(file, before)
        after = _edited(before, (*path, *keys), value)
        _check(file, data, after, (*path, *keys), value)
        decode(Source(file=file, text=after, data=parse(file, after)), path, kind)
        _write(file, after)
    return value


def _typed(path: tuple[str, ...], keys: tuple[str, ...], text: str, kind: type[msgspec.Struct]) -> Any:
    name = ".".join((*path, *keys))
    try:
        return from_text(text, field_type(keys, kind))
    except KeyError as error:
        key, known = error.args
        raise ConfigInvalid(f"There is no setting {name}", next_step=near(key, known)) from error
    except msgspec.ValidationError as error:
        what = str(error).replace("`", "")
        step = f"Type: papin config set {name} VALUE"
        raise ConfigInvalid(f"{text!r} is no value for {name}: {what}", next_step=step) from error


def _edited(text: str, path: tuple[str, ...], value: Any) -> str:
    import tomlkit  # noqa: PLC0415  slow to import, and only wanted to write
    from tomlkit.exceptions import TOMLKitError  # noqa: PLC0415

    try:
        document = tomlkit.parse(text)
        table: Any = document
        for depth, key in enumerate(path[:-1], start=1):
            if key not in table:
                table[key] = tomlkit.table(is_super_table=depth < len(path) - 1)
            table = table[key]
        if value is None:
            table.pop(path[-1], None)
        else:
            table[path[-1]] = value
        return tomlkit.dumps(document)
    except (TOMLKitError, TypeError, AttributeError, ValueError):
        return text  # the check that follows refuses it


def _check(file: Path, data: dict[str, Any], after: str, path: tuple[str, ...], value: Any) -> None:
    """Refuse an edit that changed anything but the one value: the file is the user's."""
    wanted = copy.deepcopy(data)
    table = wanted
    for key in path[:-1]:
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            raise invalid(file, f"{key}: it must be a table")
    if value is None:
        table.pop(path[-1], None)
    else:
        table[path[-1]] = value
    if parse(file, after) != wanted:
        raise invalid(file, f"papin cannot set {'.'.join(path)} in it", next_step=f"Set it in {file} with an editor.")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock on `folder`, so that two who set values at once both succeed."""
    try:
        import fcntl  # noqa: PLC0415  there is none on Windows, where the last writer wins
    except ImportError:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(file: Path, text: str) -> None:
    """Put `text` in the place of `file` at once; where that is a link, in the place of what it leads to."""
    goal = Path(os.path.realpath(file))
    mode = goal.stat().st_mode & 0o777 if goal.exists() else 0o600
    new = goal.with_name(f".{goal.name}.new")  # always this name, so that a crash leaves one at most
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        try:
            with open(os.open(new, flags, mode), "wb") as opened:  # noqa: PTH123  it must not follow a link
                os.fchmod(opened.fileno(), mode)
                opened.write(text.encode())
                opened.flush()
                os.fsync(opened.fileno())
            new.replace(goal)
            _sync_folder(goal.parent)
        except OSError:
            new.unlink(missing_ok=True)
            raise
    except OSError as error:
        step = f"Make {goal.parent} writable, and see that its disk is not full."
        raise StorageFailed(f"{goal} cannot be written: {error.strerror}", next_step=step) from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
