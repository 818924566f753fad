"""The user's saved settings of a model: checked when they are saved, and what is asked now wins over them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from papin import words
from papin.answers import Setting
from papin.errors import NameInvalid
from papin.models import LoadSettings, Message, Model, ModelSettings

LOADING = LoadSettings.__struct_fields__
SAMPLING = tuple(name for name in ModelSettings.__struct_fields__ if name not in (*LOADING, "system_prompt"))
_LONGEST_LABEL = 60


def checked_labels(labels: Sequence[str]) -> Sequence[str]:
    """Return tags or names of collections as they are.

    Raises:
        NameInvalid: one is empty, too long, or holds what cannot be seen or a comma, by which lists of them are told.
    """
    for label in labels:
        if label != label.strip() or not 0 < len(label) <= _LONGEST_LABEL or not label.isprintable() or "," in label:
            raise NameInvalid(
                f"{label[:_LONGEST_LABEL]!a} is no name for a tag or a collection",
                next_step=f"Use at most {_LONGEST_LABEL} characters that can be seen, and no comma.",
            )
    return labels


def checked_settings(old: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    """Return `old` with `change` applied, by the names of `ModelSettings`; a value of None takes a setting away.

    Raises:
        NameInvalid: there is no such setting, or the value is of another type.
    """
    merged = {**old, **change}
    kept = {key: value for key, value in merged.items() if value is not None}
    names = f"Settings: {', '.join(ModelSettings.__struct_fields__)}."
    try:
        checked = msgspec.convert(kept, ModelSettings, strict=False)
    except msgspec.ValidationError as error:
        name = str(error).rpartition("$.")[2].rstrip("`")
        raise NameInvalid(
            f"{kept.get(name)!r:.60} is no value for {name}: {words.must_be(str(error))}", next_step=names
        ) from error
    unknown = set(kept) - set(ModelSettings.__struct_fields__)
    if unknown:
        raise NameInvalid(f"there is no setting {min(unknown)}", next_step=names)
    return dict(msgspec.to_builtins(checked))


def effective(
    model: Model, provider: Mapping[str, Any], accepts: Collection[str] | None, defaults: Mapping[str, Any]
) -> tuple[Setting, ...]:
    """Return every setting with its source: saved here, else the provider's own, else the model's default.

    `accepts` are those that the provider can take, None where no provider runs the model. `defaults` are the model's
    own, where the provider takes those when it has none itself; what others do then is theirs to know.
    """

    def setting(name: str) -> Setting:
        is_taken = accepts is None or name in accepts
        for source, values in (("saved", model.settings), ("provider", provider), ("model", defaults)):
            if values.get(name) is not None:
                return Setting(name=name, value=values[name], source=source, is_taken=is_taken)  # type: ignore[arg-type]
        return Setting(name=name, value=None, source="engine", is_taken=is_taken)

    return tuple([setting(name) for name in ModelSettings.__struct_fields__])


def load_settings(model: Model, asked: LoadSettings) -> LoadSettings:
    """Return how to load `model`: what is asked now, else what is saved for it."""
    return msgspec.convert({**model.settings, **msgspec.to_builtins(asked)}, LoadSettings)


def options_for(model: Model, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return how to sample: what is asked now, else what is saved for `model`."""
    saved = {name: value for name, value in model.settings.items() if name in SAMPLING}
    return {**saved, **asked}


def with_system_prompt(model: Model, messages: Sequence[Message]) -> tuple[Message, ...]:
    """Return `messages` after the system prompt that is saved for `model`, unless they begin with one."""
    saved = model.settings.get("system_prompt")
    if not saved or (messages and messages[0].role == "system"):
        return tuple(messages)
    return (Message(role="system", content=str(saved)), *messages)
