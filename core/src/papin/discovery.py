"""What finding models answers: cards, pages and what there is new, as values that every frontend renders.

Frozen msgspec Structs like those of `papin.models`; their JSON is the documented shape of `--json` and of the HTTP API.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from papin.errors import Problem
from papin.models import CatalogEntry, Header, Value, Variant

__all__ = [
    "ROWS",
    "TASKS",
    "Card",
    "Fit",
    "Found",
    "Judged",
    "ModelPage",
    "Refreshed",
    "Row",
    "Source",
    "Update",
    "UpdateCheck",
]

TASKS = ("chat", "code", "reasoning", "tools", "vision", "embedding", "multilingual")
"""What models can be recommended for, and looked around among."""

ROWS = ("recommended", "recent", "popular", "trending", "new", *TASKS)
"""The rows to browse, in order; after them comes one for each provider, by its name."""

Fit = Literal["gpu", "memory", "no", "unknown"]
"""Where a build would run: on the GPU, in main memory, nowhere here; or nobody knows how large it is."""


class Judged(Value, frozen=True, kw_only=True):
    """A variant as its model's page shows it: where it would run, the memory it needs, a note in plain words.

    `is_default` marks the one that is taken when nobody says which; `installed` is the id of the model it is here.
    """

    variant: Variant
    fit: Fit
    memory: int | None = None
    note: str = ""
    is_default: bool = False
    installed: str = ""


class Source(Value, frozen=True, kw_only=True):
    """Where the model of a card can be had: a reference to paste into a download, and by whom."""

    ref: str
    catalog: str
    publisher: str = ""
    downloads: int | None = None


class Card(Value, frozen=True, kw_only=True):
    """A model as a list shows it: what the best matching catalog tells, and all sources of the same model.

    `memory` is what its smallest variant needs, in bytes; it and `fit` are `guessed` from its parameters where nobody
    tells how large any of its variants is. `installed` are the ids of models that are here; `why` says
    why it stands in a row of recommendations.
    """

    entry: CatalogEntry
    sources: tuple[Source, ...] = ()
    fit: Fit = "unknown"
    memory: int | None = None
    guessed: bool = False
    installed: tuple[str, ...] = ()
    why: str = ""


class Found(Value, frozen=True, kw_only=True):
    """What a search found, the best first; `more` tells that there is more than was asked for.

    `query` is what was searched for after mistyped words and values were mended. When nothing was found, `emptied_by`
    are the words and filters without any one of which something would have been, and `instead` are, for such a filter,
    the nearest ones with which something would have been in its place.
    """

    query: str
    cards: tuple[Card, ...] = ()
    more: bool = False
    emptied_by: tuple[str, ...] = ()
    instead: Mapping[str, tuple[str, ...]] = {}
    entries: int = 0
    """How many entries there are in all catalogs together."""
    unasked: tuple[str, ...] = ()
    """The catalogs of which nothing is known yet: they were never refreshed, or never with success."""
    stale: tuple[str, ...] = ()
    """The catalogs of these cards whose last refresh failed: what they told before is shown."""


class Row(Value, frozen=True, kw_only=True):
    """A row to browse: its name to type, what it shows, and the first of its cards."""

    name: str
    title: str
    cards: tuple[Card, ...] = ()


class ModelPage(Value, frozen=True, kw_only=True):
    """Everything about a model that can be installed, before anything of it is.

    `variants` are the smallest first; one is the default. `header` is what the default's weights say of
    themselves, where they were looked into. `problem` is why the catalog could not be asked: the rest is then what it
    told at the last refresh.
    """

    entry: CatalogEntry
    variants: tuple[Judged, ...]
    sources: tuple[Source, ...] = ()
    installed: tuple[str, ...] = ()
    header: Header | None = None
    problem: Problem | None = None


class Refreshed(Value, frozen=True, kw_only=True):
    """What a refresh of a catalog brought: how many models are new or changed, are gone, and could not be taken."""

    catalog: str
    changed: int = 0
    gone: int = 0
    refused: int = 0
    models: int = 0
    problem: Problem | None = None


class Update(Value, frozen=True, kw_only=True):
    """Another version of an installed model. `weights` are other, or only its template or metadata.

    Of its `size` bytes, `fetch` are not here; None where a size is unknown. With `reused` bytes that is an estimate: so
    many are likely those of the version here, of which parts were compared, and are copied if all of them are.
    """

    model: str
    ref: str
    weights: bool
    size: int | None = None
    fetch: int | None = None
    reused: int = 0
    revision: str = ""
    revision_here: str = ""


class UpdateCheck(Value, frozen=True, kw_only=True):
    """What a check for an update of one model found: `same`, `weights`, `metadata`, or `unknown` and why."""

    model: str
    ref: str
    outcome: Literal["same", "metadata", "weights", "unknown"]
    update: Update | None = None
    problem: Problem | None = None
