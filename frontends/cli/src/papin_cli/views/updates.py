"""Updates of what is installed."""

from __future__ import annotations

from collections.abc import Sequence

from papin import words
from papin.discovery import Update, UpdateCheck
from papin.safe import name
from papin.sentences import describe
from papin_cli._table import Column, render

__all__ = ["checks", "plan"]

_COLUMNS = (
    Column(title="MODEL", least=12),
    Column(title="UPDATE"),
    Column(title="TO FETCH", right=True),
    Column(title="FROM", rank=2, least=12),
    Column(title="NOW", rank=3, least=8),
    Column(title="HERE", rank=3, least=8),
)
_OUTCOMES = {
    "same": "up to date",
    "metadata": "template or metadata only",
    "weights": "new weights",
    "unknown": "not known",
}
_REVISION = 12
_TIME = len("2026-11-27T18:14:16")


def checks(found: Sequence[UpdateCheck], width: int | None) -> str:
    """Return what a check found as a table, and below it what could not be asked."""
    if not found:
        return "No model came from a catalog that is here, so there is nothing to update.\n"
    table = render(_COLUMNS, [_row(each) for each in found], width)
    problems = "".join(f"\n{name(each.model)}: {describe(each.problem)}\n" for each in found if each.problem)
    first = next((each.model for each in found if each.update), None)
    last = f"\nNext: papin models update {name(first)}\n" if first else ""
    return table + problems + last


def _row(check: UpdateCheck) -> tuple[str, ...]:
    update = check.update
    return (
        name(check.model),
        _OUTCOMES[check.outcome],
        words.to_fetch(update.fetch, update.reused) if update else "",
        name(check.ref),
        _short(update.revision) if update else "",
        _short(update.revision_here) if update else "",
    )


def _short(revision: str) -> str:
    """Return as much of a commit or a digest as people tell them apart by, or of a time down to its seconds."""
    return name(revision[:_TIME] if revision[4:5] == "-" else revision[:_REVISION])


def plan(update: Update) -> str:
    """Return what an update would bring, as one line."""
    what = "New weights" if update.weights else "Only its template or metadata is new"
    size = "size unknown" if update.size is None else f"{words.size(update.size)} in all"
    fetch = words.to_fetch(update.fetch, update.reused)
    return f"{name(update.model)}: {what}; {fetch} to fetch ({size})."
