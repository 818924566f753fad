"""The settings that are in force, and where each comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from papin.config import Row
from papin.safe import name
from papin_cli._table import Column, render

__all__ = ["rows", "value"]

_COLUMNS = (Column(title="SETTING", least=16), Column(title="VALUE", least=12), Column(title="FROM", least=8, rank=1))


def rows(found: Sequence[Row], width: int | None) -> str:
    """Return the settings as a table; values are written as in JSON."""
    return render(_COLUMNS, [(name(row.key), value(row.value), name(row.source)) for row in found], width)


def value(found: Any) -> str:
    """Return a value of a setting as in JSON."""
    return name(msgspec.json.encode(found).decode())
