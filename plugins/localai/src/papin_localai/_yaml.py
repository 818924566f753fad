"""YAML that somebody else wrote, decoded safely and in bounded time.

Anchors and aliases share what they name, so they cost nothing; merge keys (`<<`) copy, and copies of copies of copies
could fill any memory. So the pairs that merging makes are counted. The loader recurses in C, where too deep is a crash
of the process, so how deep it goes is looked at first.
"""

from __future__ import annotations

from typing import Any

import yaml

from papin.errors import FormatInvalid

__all__ = ["load_yaml"]

_MERGED = 1_000_000
_DEEPEST = 64

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]  # whichever of the two this installation of PyYAML has
    merged = 0

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        self.merged += len(node.value)
        if self.merged > _MERGED:
            raise yaml.YAMLError("it merges more than any file needs")


def _check_depth(text: bytes | str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Base):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise yaml.YAMLError("it is nested deeper than any file needs")


def load_yaml(text: bytes | str, where: str) -> Any:
    """Return the plain values that `text` holds; `where` is what to call it in an error.

    Raises:
        FormatInvalid: it is no YAML, holds objects, or is made to fill the memory.
    """
    try:
        _check_depth(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506  # a safe loader, only stricter
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:
        raise FormatInvalid(
            f"{where} is not the YAML that it should be: {str(error)[:200]}", next_step="Check the file or the address."
        ) from error
