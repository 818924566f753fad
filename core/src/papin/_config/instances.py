"""Further instances of a provider: tables of `[providers]` that say of which `kind` they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from papin._config.decoding import near
from papin._config.source import KIND, Source
from papin.errors import ConfigInvalid

_NAME = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_LONGEST = 40


def instances_of(source: Source) -> dict[str, str]:
    """Return the kind of each instance by its name; a variable counts for the table of its name, or makes one.

    Raises:
        ConfigInvalid: a name is not plain, or a kind no text.
    """
    found: dict[str, str] = {}
    tables = source.data.get("providers")
    for name, table in tables.items() if isinstance(tables, dict) else ():
        if isinstance(table, dict) and KIND in table:
            found[_checked(source, name)] = _text(source, name, table[KIND])
    for variable, kind in kind_variables(source).items():
        name = next((each for each in found if each.replace("-", "_") == variable), variable)
        found[_checked(source, name)] = kind[1]
    return found


def kind_variables(source: Source) -> dict[str, tuple[str, str]]:
    """Return the variables that say a kind, as (variable, kind) by the name as it stands in the variable."""
    return {
        each.path[1]: (each.variable, each.text)
        for each in source.overrides
        if each.path[0] == "providers" and each.path[2:] == (KIND,)
    }


def _checked(source: Source, name: str) -> str:
    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        what = "the name of a provider has lower-case letters and digits with - or _ between them"
        raise source.refuse(("providers", name), what)
    return name


def _text(source: Source, name: str, kind: Any) -> str:
    if not isinstance(kind, str):
        raise source.refuse(("providers", name, KIND), 'it must name a provider, as in kind = "ollama"')
    return kind


def with_kind(kind: str, kinds: Mapping[str, type[msgspec.Struct]]) -> type[msgspec.Struct]:
    """Return the Struct of the provider `kind` with the key `kind` beside its settings.

    Raises:
        ConfigInvalid: there is no such provider.
    """
    if kind not in kinds:
        raise ConfigInvalid(f"There is no provider {kind!r:.60}", next_step=near(kind, list(kinds)))
    return msgspec.defstruct(
        "Instance", [(KIND, str, "")], bases=(kinds[kind],), frozen=True, kw_only=True, forbid_unknown_fields=True
    )
