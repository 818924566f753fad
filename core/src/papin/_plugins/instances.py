from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from papin._plugins.found import Found, Plugins
from papin.errors import ConfigInvalid
from papin.providers import Provider


def add_instances(plugins: Plugins, instances: Mapping[str, str]) -> None:
    """Add a provider for each of `instances` (its kind by its name); one that cannot be says why when it is opened."""
    kinds = dict(plugins.providers)
    for name, kind in instances.items():
        if kind not in kinds:
            step = f"Install the plugin that has it, or change it: papin config set providers.{name}.kind KIND"
            plugins.providers[name] = _broken(name, f"there is no provider of kind {kind!r:.60}", step)
        elif name in kinds and kind != name:
            step = f"Give the table [providers.{name}] another name."
            plugins.providers[name] = _broken(name, f"{name} is a provider itself, and cannot be a {kind} too", step)
        else:
            found = kinds[kind]
            descriptor = msgspec.structs.replace(found.descriptor, name=name)
            plugins.providers[name] = Found(descriptor, found.plugin, found.distribution, found.version)


def _broken(name: str, what: str, step: str) -> Found[Provider]:
    refusal = ConfigInvalid(f"The provider {name} cannot be used: {what}", next_step=step)

    def refuse(_: Any) -> Any:
        raise refusal

    descriptor = Provider(name=name, summary=what, open=refuse)
    return Found(descriptor, plugin=name, distribution="papin", version="", refusal=refusal)
