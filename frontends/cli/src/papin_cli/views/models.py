"""Installed models: the list, and everything about one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import compress
from typing import TYPE_CHECKING, TypeVar

from papin import facts, words
from papin.safe import name, names
from papin.sizes import size_text
from papin_cli._table import Column, render_columns

if TYPE_CHECKING:
    from papin.discovery import Update
    from papin.library import Summaries
    from papin.models import Model, Speed

__all__ = ["details", "installed", "listing", "sayings", "updatable", "update_step"]

T = TypeVar("T")

_COLUMNS = (
    Column(title="MODEL", least=12),
    Column(title="SIZE", right=True),
    Column(title="PARAMETERS", right=True, rank=3),
    Column(title="QUANTIZATION", rank=2),
    Column(title="CONTEXT", right=True, rank=4),
    Column(title="USED", rank=1),
    Column(title="ALSO IN", rank=2),
    Column(title="TAGS", rank=5),
)
_UPDATE = Column(title="UPDATE")
_NONE = """No models are installed.
Next: papin run smollm2 "Hello"
"""


def listing(models: Summaries, payloads: int, now: datetime, width: int | None, updates: Sequence[Update] = ()) -> str:
    """Return the models as a table, and a line that sums them up; `payloads` are the bytes of all of them.

    Those of `updates` are marked, and a line says what brings them in.

    It is made column by column: of ten thousand rows, that takes half of the time.
    """
    if not models.ids:
        return _NONE
    ids, sizes, parameters, quantizations, contexts, used, favourites, tags, where, duplicated, _ = models
    seconds = now.timestamp()
    columns = [
        names(ids),
        list(map(size_text, sizes)),
        _each(words.compact, parameters),
        names(quantizations),
        _each(lambda context: "" if context is None else str(context), contexts),
        _each(lambda at: "never" if at is None else words.past(seconds - at), used),
        names([_others(*each) for each in zip(ids, where, strict=True)] if any(where) else [""] * len(ids)),
        names([_tags(*each) if any(each) else "" for each in zip(favourites, tags, strict=True)]),
    ]
    shown: tuple[Column, ...] = _COLUMNS
    if updates:
        marks = {update.model: "weights" if update.weights else "metadata" for update in updates}
        columns.append([marks.get(model, "") for model in ids])
        shown = (*_COLUMNS, _UPDATE)
    newer = f"{updatable(updates)}\nNext: {update_step(updates)}\n" if updates else ""
    return f"{render_columns(shown, columns, width)}\n{total(models, payloads)}{_twice(sum(duplicated))}\n{newer}"


def total(models: Summaries, payloads: int) -> str:
    """Return how many models there are and the bytes of all; `payloads` are those of papin's own."""
    others = list(compress(models.sizes, models.elsewhere))
    here = payloads
    if any(models.where):
        foreign = (size for size, model in zip(models.sizes, models.ids, strict=True) if ":" in model)
        here += sum(foreign) - sum(others)
    return words.models((len(models.ids) - len(others), here), (len(others), sum(others)))


def _each(show: Callable[[T], str], values: Sequence[T]) -> list[str]:
    """Return what is shown for each value; many models have the same, which is made once."""
    # In the order of a set they lie all over the memory, which takes an eighth longer where all are different.
    shown = {value: show(value) for value in dict.fromkeys(values)}
    return [shown[value] for value in values]


def updatable(updates: Sequence[Update]) -> str:
    """Return `2 updates available, 1.3 GB to fetch`, as the last checks found; without bytes where one is unknown."""
    fetched = [update.fetch for update in updates if update.fetch is not None]
    reused = sum(update.reused for update in updates)
    size = f", {words.to_fetch(sum(fetched), reused)} to fetch" if len(fetched) == len(updates) else ""
    return f"{words.count(len(updates), 'update')} available{size}"


def update_step(updates: Sequence[Update]) -> str:
    """Return the command that brings updates in."""
    return f"papin models update {name(updates[0].model) if len(updates) == 1 else '--all'}"


def _others(model: str, where: Sequence[str]) -> str:
    """Return where a model is usable besides the place that its id names."""
    return ", ".join(each for each in where if not model.startswith(f"{each}:"))


def _twice(size: int) -> str:
    return f"; {words.size(size)} of it a second time: papin storage dedupe" if size else ""


def _tags(favourite: bool, tags: Sequence[str]) -> str:  # noqa: FBT001 - a cell of a row
    return ", ".join(("favourite", *tags) if favourite else tags)


def details(model: Model, speeds: Iterable[Speed], now: datetime) -> str:
    """Return everything about one model, a line for each fact that is known."""
    return facts.lines([*facts.of_model(model, now), *facts.of_speeds(speeds, now)])


def installed(model: Model, *, new: bool) -> str:
    """Return the end of a download or an import, with what to do now."""
    what = "Installed" if new else "Already installed:"
    return f"{what} {name(model.id)} ({words.size(model.size)}).\nNext: papin run {name(model.id)}"


def sayings(model: Model) -> str:
    """Return what the user says of a model: favourite, tags, collections and settings."""
    said = {
        "Model": model.id,
        "Favourite": "yes" if model.favourite else "no",
        "Tags": ", ".join(model.tags) or "none",
        "Collections": ", ".join(model.collections) or "none",
        "Settings": facts.settings(model) or "none",
    }
    return facts.lines((label, name(text)) for label, text in said.items())
