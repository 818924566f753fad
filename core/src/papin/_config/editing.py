from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from papin import words
from papin._config.decoding import decode, field_type, from_text, near
from papin._config.source import Source, invalid, parse, read_text
from papin._config.writing import locked, write
from papin._paths import make_folder
from papin.errors import ConfigInvalid

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
    with locked(file.parent):
        before = read_text(file)
        data = parse(file, before)
        after = _edited(before, (*path, *keys), value)
        _check(file, data, after, (*path, *keys), value)
        decode(Source(file=file, text=after, data=parse(file, after)), path, kind)
        write(file, after.encode())
    return value


def edit_table(file: Path, path: tuple[str, ...], values: Mapping[str, Any] | None) -> None:
    """Put the table at `path` into `file`, or take it out, durably, keeping everything else as it is.

    Raises:
        ConfigInvalid: the file was broken before, or it cannot be changed so.
        StorageFailed: it cannot be written.
    """
    make_folder(file.parent)
    with locked(file.parent):
        before = read_text(file)
        data = parse(file, before)
        after = _edited(before, path, None if values is None else dict(values))
        _check(file, data, after, path, None if values is None else dict(values))
        write(file, after.encode())


def _typed(path: tuple[str, ...], keys: tuple[str, ...], text: str, kind: type[msgspec.Struct]) -> Any:
    name = ".".join((*path, *keys))
    try:
        return from_text(text, field_type(keys, kind))
    except KeyError as error:
        key, known = error.args
        meant = keys[-1] if keys[-1] in known else key  # core.offline is no section of ours
        raise ConfigInvalid(f"There is no setting {name}", next_step=near(meant, known)) from error
    except msgspec.ValidationError as error:
        what = words.must_be(str(error))
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
                table[key] = tomlkit.table(is_super_table=depth < len(path) - 1 or isinstance(value, dict))
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
    if _full(parse(file, after)) != _full(wanted):
        raise invalid(file, f"papin cannot set {'.'.join(path)} in it", next_step=f"Set it in {file} with an editor.")


def _full(table: dict[str, Any]) -> dict[str, Any]:
    """Return a table without those of its tables that hold nothing: they go with the last that stood in them."""
    full = {key: _full(value) if isinstance(value, dict) else value for key, value in table.items()}
    return {key: value for key, value in full.items() if value != {}}
