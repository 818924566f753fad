from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def line_of(text: str, path: tuple[str, ...]) -> int | None:
    """Return the line, from 1, that sets the key `path`, else the one that begins its nearest table, else None."""
    best: tuple[int, int] | None = None
    for number, keys in _keys(text):
        shared = next(
            (n for n, (a, b) in enumerate(zip(keys, path, strict=False)) if a != b), min(len(keys), len(path))
        )
        if shared and shared >= min(len(keys), len(path)) and (best is None or shared > best[0]):
            best = (shared, number)
    return best[1] if best else None


def _keys(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield each line that opens a table or sets a key, with the whole path of that."""
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.strip()
        if bare.startswith("["):
            opened = _path(bare)
            if opened:
                table = opened
                yield number, table
        elif "=" in bare and not bare.startswith("#"):
            key = _path(f"{bare.split('=')[0]}= 0")
            if key:
                yield number, (*table, *key)


def _path(line: str) -> tuple[str, ...]:
    """Return the keys that `line`, a header or an assignment of 0, leads through; none when it is neither."""
    import tomllib  # noqa: PLC0415  only wanted for an error

    try:
        value: Any = tomllib.loads(line)
    except (ValueError, RecursionError):
        return ()
    keys = []
    while isinstance(value, dict) and len(value) == 1:
        key, value = next(iter(value.items()))
        keys.append(key)
        if isinstance(value, list):
            value = value[0] if value else 0
    return tuple(keys)
