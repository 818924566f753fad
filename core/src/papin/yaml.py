"""YAML that somebody else wrote, decoded safely and in bounded time and memory: `pip install "papin[yaml]"`.

What a file could do is looked at before anything is made of it. A name in it may stand for a large part of it, which
costs nothing here; but whoever copies or prints the values pays for each mention, as does the loader where it merges
(`<<`), so what a file comes to with everything written out is counted. The loader recurses in C, where too deep is a
crash of the process. Numbers of many digits take time by the square of them, or have one hash.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from papin.errors import FormatInvalid, PluginFailed
from papin.sizes import size_text

__all__ = ["load"]

_DEEPEST = 64
_SMALL = 1 << 20
_TIMES = 4  # LocalAI's own gallery, which repeats what it can, comes to less than its size
_DIRECTIVES = 64
_TAGS = {None, "!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"}
_NUMBER = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|[0-9][0-9_:]*)")
_DIGITS = 19


def load(text: bytes | str, where: str, *, largest: int) -> Any:
    """Return the plain values that `text` holds; `where` is what to call it in an error. Blocks: 5 s a MB at most.

    `largest` is how many bytes, or characters, it may have. Written out the values are no more than a MiB, or 4 times
    the file, and nothing in them holds itself.

    Raises:
        FormatInvalid: it is too large, no YAML, no UTF-8, has types of its own, or is made to do harm.
        PluginFailed: PyYAML is not installed.
    """
    if len(text) > largest:
        raise FormatInvalid(f"{where} is larger than {size_text(largest)}", next_step="Look what it is.")
    try:
        import yaml  # noqa: PLC0415  # an extra, and slow to import
    except ImportError as error:
        raise PluginFailed(
            f"{where} cannot be read without PyYAML, which is not installed",
            next_step='Type: pip install "papin[yaml]"',
        ) from error
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        plain = text if isinstance(text, str) else text.decode("utf-8-sig")
        _refuse_directives(plain)
        _measure(yaml.parse(plain, Loader=loader), _SMALL + _TIMES * len(plain))
        return yaml.load(plain, Loader=loader)  # noqa: S506  # the safe one, whichever PyYAML has
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:
        raise FormatInvalid(
            f"{where} is not the YAML that it should be: {str(error)[:200]}", next_step="Check the file or the address."
        ) from error


def _refuse_directives(text: str) -> None:
    # The parser compares each of them with all before it.
    if text.count("%TAG") > _DIRECTIVES:
        raise ValueError("it has more directives than any file needs")


def _measure(events: Iterable[Any], most: int) -> None:
    """Raise `ValueError` for what is too deep, holds itself, or comes to more than `most` characters written out."""
    import yaml  # noqa: PLC0415  # as above

    sizes: dict[str | None, int] = {}
    opened: list[tuple[str | None, int]] = []
    total = 0
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, before = opened.pop()
            if anchor is not None:
                sizes[anchor] = total - before
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise ValueError("it refers to what is not there yet")
            total += sizes[event.anchor]
        elif isinstance(event, yaml.NodeEvent):
            size = _size(event, event.value if isinstance(event, yaml.ScalarEvent) else "")
            if isinstance(event, yaml.CollectionStartEvent):
                opened.append((event.anchor, total))  # until it is whole, nothing can be it
            elif event.anchor is not None:
                sizes[event.anchor] = size
            total += size
        if len(opened) > _DEEPEST or total > most:
            raise ValueError("it is deeper, or repeats more, than any file needs")


def _size(event: Any, value: str) -> int:
    if event.tag not in _TAGS:
        raise ValueError(f"it has a type of its own, {event.tag}")
    if len(value) > _DIGITS and _NUMBER.fullmatch(value):
        raise ValueError("it has a number of more digits than any file needs")
    return 1 + len(value)
