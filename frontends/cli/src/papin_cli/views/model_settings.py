"""The settings of a model: each value, where it comes from, and what a provider cannot take."""

from __future__ import annotations

from papin.answers import Setting, SettingsView
from papin.facts import besides, set_by, value_of
from papin.safe import name
from papin_cli._table import Column, render

__all__ = ["table"]

_COLUMNS = (
    Column(title="SETTING", least=14),
    Column(title="VALUE", least=12),
    Column(title="FROM", least=8, rank=1),
    Column(title="NOTE", least=8, rank=2),
)


def table(view: SettingsView, width: int | None) -> str:
    """Return the settings as a table."""
    rows = [_row(each, view.provider) for each in view.settings]
    rows += [(what, name(text), name(view.provider), "papin does not set it") for what, text in besides(view)]
    by = f"{name(view.model)} is run by {name(view.provider)}. " if view.provider else ""
    return f"{render(_COLUMNS, rows, width)}\n{by}{name(view.fixed)}".rstrip() + "\n"


def _row(setting: Setting, provider: str) -> tuple[str, ...]:
    note = "" if setting.is_taken else f"{provider} cannot take it"
    return name(setting.name), value_of(setting), name(set_by(setting, provider)), name(note)
