"""Suggestions of what to install."""

from __future__ import annotations

from collections.abc import Sequence

from papin.recommenders import Recommendation
from papin.safe import line, name
from papin_cli._table import Column, render

__all__ = ["recommendations"]

_COLUMNS = (
    Column(title="MODEL", least=16),
    Column(title="RUNS HERE"),
    Column(title="WHY", least=20),
    Column(title="BY", rank=1),
)


def recommendations(found: Sequence[Recommendation], width: int | None) -> str:
    """Return the suggestions as a table, the best first."""
    if not found:
        return "There is nothing to suggest.\nNext: papin catalogs list\n"
    rows = [(name(each.ref), "yes" if each.fits else "no", line(each.reason), name(each.recommender)) for each in found]
    best = next((f"\nNext: papin run {name(each.ref)}\n" for each in found if each.fits), "")
    return render(_COLUMNS, rows, width) + best
