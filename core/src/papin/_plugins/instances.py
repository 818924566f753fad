from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from papin._config.source import INSTANCES
from papin._plugins.found import D, Found, Plugins
from papin.catalogs import Catalog
from papin.errors import ConfigInvalid
from papin.providers import Provider


def add_instances(plugins: Plugins, instances: Mapping[tuple[str, str], str]) -> None:
    """Add a provider or catalog for each of `instances`; one that cannot be says why when it is opened.

    `instances` tell the kind by table and name. Kinds that are templates are no catalogs themselves, and set aside.
    """
    kinds: dict[str, dict[str, Found[Any]]] = {
        "providers": {**plugins.providers},
        "catalogs": {**plugins.catalogs},
    }
    for (table, name), kind in instances.items():
        getattr(plugins, table)[name] = instance_among(kinds[table], table, name, kind)
    for name in [name for name, each in plugins.catalogs.items() if each.descriptor.template]:
        plugins.templates[name] = plugins.catalogs.pop(name)


def instance_among(kinds: Mapping[str, Found[Any]], table: str, name: str, kind: str) -> Found[Any]:
    """Return an instance of one of `kinds`, or one that says why it cannot be when it is opened."""
    word = INSTANCES[table]
    taken = {*kinds, *(each.descriptor.prefix for each in kinds.values() if table == "catalogs")}
    if kind not in kinds:
        step = f"Install the plugin that has it, or change it: papin config set {table}.{name}.kind KIND"
        return _broken(word, name, f"there is no {word} of kind {kind!r:.60}", step)
    if name in taken and kind != name:
        step = f"Give the table [{table}.{name}] another name."
        return _broken(word, name, f"{name} is a {word} itself, and cannot be a {kind} too", step)
    return instance_of(kinds[kind], name)


def instance_of(found: Found[D], name: str) -> Found[D]:
    """Return another instance of a provider or catalog, under its own name."""
    return Found(_named(found.descriptor, name), found.plugin, found.distribution, found.version)


def _named(descriptor: Any, name: str) -> Any:
    if isinstance(descriptor, Provider):
        return msgspec.structs.replace(descriptor, name=name)
    return msgspec.structs.replace(descriptor, name=name, prefix=name, template=False)


def _broken(word: str, name: str, what: str, step: str) -> Found[Any]:
    refusal = ConfigInvalid(f"The {word} {name} cannot be used: {what}", next_step=step)

    def refuse(_: Any) -> Any:
        raise refusal

    descriptor: Any = Provider(name=name, summary=what, open=refuse)
    if word == "catalog":
        descriptor = Catalog(name=name, prefix=name, summary=what, open=refuse)
    return Found(descriptor, plugin=name, distribution="papin", version="", refusal=refusal)
