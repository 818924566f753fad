"""What Ollama keeps for one model: its texts, and its settings in papin's words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from papin.errors import ConfigInvalid
from papin.inventories import ProviderDetails
from papin.models import ModelSettings
from papin_ollama._options import NAMES
from papin_ollama._wire import Show

__all__ = ["Value", "details", "parameters", "settings_of", "to_parameters"]

Value = str | int | float | bool
_SYSTEM = "system_prompt"
_PAPINS = {theirs: name for name, theirs in NAMES.items()}


def parameters(text: str) -> dict[str, list[str]]:
    """Return the block of lines `name value` that Ollama shows; a name may stand there several times."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, _, value = line.strip().partition(" ")
        if name:
            found.setdefault(name, []).append(_unquoted(value.strip()))
    return found


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value.strip('"')


def details(reference: str, shown: Show) -> ProviderDetails:
    """Return what is shown of a model as papin's value."""
    facts = shown.model_info or {}
    return ProviderDetails(
        reference=reference,
        template=shown.template or "",
        system_prompt=shown.system or "",
        license=shown.license or "",
        parameters={name: ", ".join(values) for name, values in parameters(shown.parameters or "").items()},
        metadata={name: value for name, value in facts.items() if isinstance(value, (str, int, float, bool))},
    )


def settings_of(shown: Show) -> dict[str, Value]:
    """Return the settings that Ollama keeps for a model, by papin's names; others are left out."""
    found: dict[str, Value] = {}
    for theirs, values in parameters(shown.parameters or "").items():
        name = _PAPINS.get(theirs)
        if name is not None:
            found |= _converted(name, values[-1])
    return found | ({_SYSTEM: shown.system} if shown.system else {})


def _converted(name: str, text: str) -> dict[str, Value]:
    try:
        made = msgspec.convert({name: text}, ModelSettings, strict=False)
    except msgspec.ValidationError:
        return {}
    return {name: getattr(made, name)}


def to_parameters(settings: Mapping[str, Value | None]) -> tuple[dict[str, Any], list[str]]:
    """Return what a request to create says to set these, and the names of the layers' keys to take away.

    Raises:
        ConfigInvalid: Ollama keeps no such setting for a model, or not such a value.
    """
    request: dict[str, Any] = {"parameters": {}}
    removed: list[str] = []
    for name, value in settings.items():
        if name != _SYSTEM and name not in NAMES:
            known = ", ".join(sorted([*NAMES, _SYSTEM]))
            raise ConfigInvalid(f"Ollama keeps no setting {name!r:.60} for a model", next_step=f"It keeps: {known}")
        theirs = "system" if name == _SYSTEM else NAMES[name]
        if value is None:
            removed.append(theirs)
        elif name == _SYSTEM:
            request["system"] = _checked(name, value)
        else:
            request["parameters"][theirs] = _checked(name, value)
    return request, removed


def _checked(name: str, value: Value) -> Value:
    try:
        made = msgspec.convert({name: value}, ModelSettings)
    except msgspec.ValidationError as error:
        raise ConfigInvalid(f"{name} cannot be {value!r:.60}", next_step=str(error)[:200]) from error
    checked: Value = getattr(made, name)
    return checked
