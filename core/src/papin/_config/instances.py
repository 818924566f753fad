"""Further instances of a provider or catalog: tables of `[providers]` or `[catalogs]` that say their `kind`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from papin._config.decoding import near
from papin._config.source import INSTANCES, KIND, Source
from papin.errors import ConfigInvalid

_NAME = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_LONGEST = 40


def instances_of(source: Source, table: str) -> dict[str, str]:
    """Return the kind of each instance in `table` by its name; a variable counts for the one of its name, or makes one.

    Raises:
        ConfigInvalid: a name is not plain, or a kind no text.
    """
    found: dict[str, str] = {}
    tables = source.data.get(table)
    for name, each in tables.items() if isinstance(tables, dict) else ():
        if isinstance(each, dict) and KIND in each:
            found[_checked(source, table, name)] = _text(source, table, name, each[KIND])
    for variable, kind in kind_variables(source, table).items():
        name = next((each for each in found if each.replace("-", "_") == variable), variable)
        found[_checked(source, table, name)] = kind[1]
    return found


def kind_variables(source: Source, table: str) -> dict[str, tuple[str, str]]:
    """Return the variables that say a kind, as (variable, kind) by the name as it stands in the variable."""
    return {
        each.path[1]: (each.variable, each.text)
        for each in source.overrides
        if each.path[0] == table and each.path[2:] == (KIND,)
    }


def _checked(source: Source, table: str, name: str) -> str:
    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        what = f"the name of a {INSTANCES[table]} has lower-case letters and digits with - or _ between them"
        raise source.refuse((table, name), what)
    return name


def _text(source: Source, table: str, name: str, kind: Any) -> str:
    if not isinstance(kind, str):
        example = "ollama" if table == "providers" else "index"
        raise source.refuse((table, name, KIND), f'it must name a {INSTANCES[table]}, as in kind = "{example}"')
    return kind


def with_kind(table: str, kind: str, kinds: Mapping[str, type[msgspec.Struct]]) -> type[msgspec.Struct]:
    """Return the Struct of the provider or catalog `kind` with the key `kind` beside its settings.

    Raises:
        ConfigInvalid: there is no such provider or catalog.
    """
    if kind not in kinds:
        raise ConfigInvalid(f"There is no {INSTANCES[table]} {kind!r:.60}", next_step=near(kind, list(kinds)))
    return msgspec.defstruct(
        "Instance", [(KIND, str, "")], bases=(kinds[kind],), frozen=True, kw_only=True, forbid_unknown_fields=True
    )
