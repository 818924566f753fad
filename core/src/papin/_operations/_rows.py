"""Rows to browse, as in a library of films: each is a search, but for those that look at this machine and its user."""

from __future__ import annotations

from collections.abc import Iterable

from papin.discovery import Card, Row
from papin.errors import NotFound
from papin.memory import Room, estimate_size, fit_of
from papin.models import CatalogEntry, Model
from papin.names import nearest
from papin.recommenders import Recommendation
from papin.variants import by_size

__all__ = ["TASKS", "belongs", "reason_of", "recent", "search_of", "task_of", "telling", "titles"]

TASKS = {
    "chat": "For conversations",
    "code": "For programming",
    "reasoning": "That think before they answer",
    "tools": "That call functions",
    "vision": "That see",
    "embedding": "For searching texts",
    "multilingual": "That speak many languages",
}
_ORDERS = {
    "popular": ("Popular: most downloaded", "sort:downloads"),
    "trending": ("Trending: talked of just now", "sort:trending"),
    "new": ("New arrivals", "sort:new"),
}


def titles(providers: Iterable[str], task: str = "") -> dict[str, str]:
    """Return what each row shows, by its name; `task` is what something is recommended for."""
    wanted = f": {TASKS[task][0].lower()}{TASKS[task][1:]}" if task else ""
    return {
        "recommended": f"Recommended for this machine and for how you use models{wanted}",
        "recent": "Recently used",
        **{name: title for name, (title, _) in _ORDERS.items()},
        **TASKS,
        **{name: f"For {name}" for name in providers},
    }


def search_of(row: str, providers: Iterable[str]) -> str:
    """Return the search that makes a row.

    Raises:
        NotFound: there is no such row.
    """
    if row in _ORDERS:
        return f"fits:yes {_ORDERS[row][1]}"
    if row in TASKS:
        return f"can:{row} fits:yes sort:downloads"
    if row in providers:
        return f"provider:{row} fits:yes sort:downloads"
    raise NotFound(f"there is no row {row[:40]!a}", next_step=_known("Rows", row, titles(providers)))


def _known(what: str, text: str, names: Iterable[str]) -> str:
    names = list(names)
    near = nearest(text, names)
    return f"The nearest: {', '.join(near)}." if near else f"{what}: {', '.join(names)}."


def task_of(text: str) -> str:
    """Return the task that `text` names, whatever its case; nothing for nothing.

    Raises:
        NotFound: there is no such task; the nearest are listed.
    """
    task = text.strip().lower()
    if task and task not in TASKS:
        raise NotFound(f"there is no task {task[:40]!a}", next_step=_known("Tasks", task, TASKS))
    return task


def belongs(row: str, entry: CatalogEntry) -> bool:
    """Tell whether an entry says what its row is made by: without a date, nothing is new."""
    told = {"popular": entry.downloads, "trending": entry.trending, "new": entry.created_at}
    return told.get(row, True) is not None


def telling(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Return the rows that have something in them, and another thing than a row before them."""
    found: dict[tuple[str, ...], Row] = {}
    for row in rows:
        found.setdefault(tuple(card.entry.ref for card in row.cards), row)
    return tuple(row for cards, row in found.items() if cards)


def reason_of(entry: CatalogEntry, advice: Recommendation) -> str:
    """Return why a model is recommended; where it comes in several sizes, which one is meant."""
    meant = next((each.variant for each in entry.variants if each.ref == advice.ref), "")
    return f"{meant} {advice.reason}" if meant and len(by_size(entry.variants)) > 1 else advice.reason


def recent(models: Iterable[Model], space: Room) -> list[Card]:
    """Return the installed models that were used, the last one first, and where they would run."""
    used = [model for model in models if model.last_used_at is not None]
    used.sort(key=lambda model: (model.last_used_at, model.id), reverse=True)
    return [_card_of(model, space) for model in used]


def _card_of(model: Model, space: Room) -> Card:
    entry = CatalogEntry(
        ref=model.ref or model.id,
        catalog=model.source,
        name=model.id,
        title=model.id,
        license=model.license,
        architecture=model.architecture,
        parameters=model.parameters,
        capabilities=model.capabilities,
        context_length=model.context_length,
        formats=(model.format,) if model.format else (),
    )
    fit = fit_of(estimate_size(model.size, None, None), space)
    return Card(entry=entry, fit=fit, installed=(model.id,))
