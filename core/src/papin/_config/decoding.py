from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec

from papin import words
from papin._config.source import INSTANCES, KIND, KINDS, Override, Source
from papin.errors import ConfigInvalid
from papin.sizes import parse_size

S = TypeVar("S", bound=msgspec.Struct)
_BYTES = r"[\d.]+ ?[kmgt]i?b"
_AT = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")


def decode(source: Source, path: tuple[str, ...], kind: type[S]) -> S:
    """Return the table at `path`, with the variables over it, as a `kind`.

    Raises:
        ConfigInvalid: a key is unknown or a value impossible.
    """
    table = _table(source, path)
    _check_keys(source, path, table, kind)
    merged = dict(table)
    chosen: dict[tuple[str, ...], Override] = {}
    for override in overrides_of(source, path):
        rest = override.path[len(path) :]
        _place(merged, rest, _value(override, rest, kind))
        chosen[rest] = override
    try:
        decoded: S = convert(merged, kind)
    except msgspec.ValidationError as error:
        raise _refusal(source, path, chosen, error) from error
    return decoded


def overrides_of(source: Source, path: tuple[str, ...]) -> list[Override]:
    """Return the variables that set something in the table at `path`; `-` in a name is `_` in a variable."""
    wanted = tuple(part.replace("-", "_") for part in path)
    if not path:
        return [each for each in source.overrides if each.path[0] not in KINDS]
    below = [each for each in source.overrides if each.path[: len(path)] == wanted and len(each.path) > len(path)]
    return [each for each in below if not _is_kind(each.path)]


def _is_kind(path: tuple[str, ...]) -> bool:
    """Tell whether `path` leads to what says of which kind a provider is, which is no setting of that provider."""
    return path[0] in INSTANCES and path[2:] == (KIND,)


def convert(value: Any, kind: Any, *, strict: bool = True) -> Any:
    """Decode plain values; a string becomes a `Path` where one is wanted."""
    return msgspec.convert(value, kind, strict=strict, dec_hook=_from_string)


def _from_string(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value).expanduser()
    raise TypeError(f"Expected `{kind.__name__}`, got `{type(value).__name__}`")  # msgspec adds where


def from_text(text: str, annotation: Any) -> Any:
    """Return `text`, typed by a person, as a plain value that fits `annotation`.

    It is tried as it stands, then as TOML, then as a list with commas, then as bytes: `50GB` is a number too. Raises
    `msgspec.ValidationError`.
    """
    first: msgspec.ValidationError | None = None
    for candidate, strict in _candidates(text):
        try:
            value = convert(candidate, annotation, strict=strict)
            return msgspec.json.decode(msgspec.json.encode(value, enc_hook=str))  # what TOML and JSON can hold
        except msgspec.ValidationError as error:
            first = first or error
    assert first is not None
    raise first


def _candidates(text: str) -> list[tuple[Any, bool]]:
    import tomllib  # noqa: PLC0415  only wanted when somebody types a value

    candidates: list[tuple[Any, bool]] = [(text, False)]
    try:
        candidates.append((tomllib.loads(f"value = {text}")["value"], True))
    except (ValueError, RecursionError):
        candidates.append(([part.strip() for part in text.split(",") if part.strip()], False))
    else:
        candidates.append(([text.strip()], False))
    if re.fullmatch(_BYTES, text.strip(), re.IGNORECASE):
        candidates.append((parse_size(text), True))
    return candidates


def field_types(kind: Any) -> dict[str, Any]:
    """Return the type of each key of the Struct `kind`; none when it is no Struct (`Struct | None` counts as one)."""
    for each in (kind, *get_args(kind)):
        if isinstance(each, type) and issubclass(each, msgspec.Struct):
            return {field.encode_name: field.type for field in msgspec.structs.fields(each)}
    return {}


def field_type(path: tuple[str, ...], kind: Any) -> Any:
    """Return the type of what `path` leads to from `kind`. Raises `KeyError` with (the bad key, the known ones)."""
    for key in path:
        known = field_types(kind)
        if key not in known:
            raise KeyError(key, tuple(known))
        kind = known[key]
    return kind


def near(word: str, known: tuple[str, ...] | list[str]) -> str:
    """Return a sentence that names the known word nearest to `word`, or all of them."""
    from difflib import get_close_matches  # noqa: PLC0415  only wanted for an error

    if matches := get_close_matches(word, known, n=1):
        return f"Did you mean {matches[0]}?"
    return f"It knows {', '.join(sorted(known))}." if known else "It knows none."


def _table(source: Source, path: tuple[str, ...]) -> dict[str, Any]:
    value: Any = source.data if path else {key: each for key, each in source.data.items() if key not in KINDS}
    for depth, key in enumerate(path, start=1):
        value = value.get(key, {})
        if not isinstance(value, dict):
            raise source.refuse(path[:depth], f"it must be a table: [{'.'.join(path)}]")
    return {key: each for key, each in value.items() if not (path and _is_kind((*path, key)))}


def _check_keys(source: Source, path: tuple[str, ...], table: dict[str, Any], kind: type[msgspec.Struct]) -> None:
    known = field_names(kind)
    for key in table:
        if key not in known:
            raise source.refuse((*path, key), "there is no such setting", next_step=near(key, known))


def field_names(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """Return the keys of `kind`, without resolving their types."""
    return tuple(kind.__struct_encode_fields__)


def _value(override: Override, rest: tuple[str, ...], kind: type[msgspec.Struct]) -> Any:
    try:
        return from_text(override.text, field_type(rest, kind))
    except KeyError as error:
        key, known = error.args
        raise ConfigInvalid(
            f"The variable {override.variable} sets {key}, and there is no such setting",
            next_step=near(key, known),
        ) from error
    except msgspec.ValidationError as error:
        raise _bad_variable(override, error) from error


def _bad_variable(override: Override, error: msgspec.ValidationError) -> ConfigInvalid:
    what = words.must_be(str(error))
    return ConfigInvalid(
        f"The variable {override.variable}: {what}", next_step=f"Correct it, or type: unset {override.variable}"
    )


def _place(table: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        inner = table.get(key)
        table[key] = table = dict(inner) if isinstance(inner, dict) else {}
    table[path[-1]] = value


def _refusal(
    source: Source, path: tuple[str, ...], chosen: dict[tuple[str, ...], Override], error: msgspec.ValidationError
) -> ConfigInvalid:
    found = _AT.search(str(error))
    keys = tuple(re.sub(r"\[.*?\]", "", found["path"]).split(".")) if found and found["path"] else ()
    for depth in range(len(keys), 0, -1):
        if keys[:depth] in chosen:
            return _bad_variable(chosen[keys[:depth]], error)
    if chosen and not keys:  # what the Struct itself refuses is nobody's in particular; the variables came last
        return _bad_variable(list(chosen.values())[-1], error)
    return source.refuse((*path, *keys), words.must_be(str(error)))
