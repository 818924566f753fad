"""The user's saved settings of a model: checked when they are saved, and what is asked now wins over them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from papin.errors import NameInvalid
from papin.models import LoadSettings, Model


def checked_settings(old: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    """Return `old` with `change` applied, by the names of `LoadSettings`; a value of None takes a setting away.

    Raises:
        NameInvalid: there is no such setting, or the value is of another type.
    """
    merged = {**old, **change}
    kept = {key: value for key, value in merged.items() if value is not None}
    try:
        checked = msgspec.convert(kept, LoadSettings, strict=False)
    except msgspec.ValidationError as error:
        raise NameInvalid(
            f"a setting is not valid: {error}", next_step=f"Settings: {', '.join(LoadSettings.__struct_fields__)}."
        ) from error
    unknown = set(kept) - set(LoadSettings.__struct_fields__)
    if unknown:
        raise NameInvalid(
            f"there is no setting {min(unknown)}",
            next_step=f"Settings: {', '.join(LoadSettings.__struct_fields__)}.",
        )
    return dict(msgspec.to_builtins(checked))


def settings_for(model: Model, asked: LoadSettings) -> LoadSettings:
    """Return how to load `model`: what is asked now, else what is saved for it."""
    return msgspec.convert({**model.settings, **msgspec.to_builtins(asked)}, LoadSettings)
