"""The parts of split models, `NAME-00001-of-00003.SUFFIX`: which belong together by their names. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from papin.formats import FileSet

__all__ = ["group", "part_of"]


def part_of(name: str, suffix: str) -> tuple[int, int] | None:
    """Return (number from 0, count) as the name of a file with that suffix (`.gguf`) tells, or None for no part."""
    match = _pattern(suffix).fullmatch(name)
    return (int(match["number"]) - 1, int(match["count"])) if match else None


def group(names: Sequence[str], suffix: str) -> tuple[FileSet, ...]:
    """Group file names into sets, in the order of their first names; a file that is no part is a set of its own.

    A set lists its parts in order, the names that are missing, and those that do not belong: there twice, or numbered
    beyond the count.
    """
    sets: dict[tuple[str, int], list[str]] = defaultdict(list)
    pattern = _pattern(suffix)
    for name in names:
        match = pattern.fullmatch(name)
        key = (match["stem"], int(match["count"])) if match else (name, -1)
        sets[key].append(name)
    return tuple(_set(stem, count, found, suffix) for (stem, count), found in sets.items())


def _pattern(suffix: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<stem>.+)-(?P<number>[0-9]{{5}})-of-(?P<count>[0-9]{{5}}){re.escape(suffix)}", re.IGNORECASE
    )


def _set(stem: str, count: int, found: list[str], suffix: str) -> FileSet:
    if count < 0:
        return FileSet(name=stem, files=(stem,), extra=tuple(found[1:]))
    parts: dict[int, str] = {}
    extra: list[str] = []
    for name in sorted(found):
        number = (part_of(name, suffix) or (-1, 0))[0]
        if not 0 <= number < count or number in parts:
            extra.append(name)
        else:
            parts[number] = name
    wanted = (number for number in range(count) if number not in parts)
    return FileSet(
        name=f"{stem}{suffix}",
        files=tuple(parts[number] for number in sorted(parts)),
        missing=tuple(f"{stem}-{number + 1:05}-of-{count:05}{suffix}" for number in wanted),
        extra=tuple(extra),
    )
