"""What a recommender implements: a pure function from a machine, usage, candidates and a task to a ranking."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from papin.context import NoSettings
from papin.machine import Machine
from papin.models import Model, Variant

__all__ = ["Candidate", "Recommendation", "Recommender"]


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A variant that could be installed; `memory` is the estimate of what it needs to run, in bytes.

    `downloads` is how often its model was downloaded, as its catalog tells.
    """

    variant: Variant
    memory: int | None
    installed: bool = False
    downloads: int | None = None


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """A variant with a score (higher is better) and a reason in plain words. `fits` tells whether it runs here."""

    ref: str
    score: float
    reason: str
    fits: bool
    recommender: str = ""


class Recommender(msgspec.Struct, frozen=True, kw_only=True):
    """The descriptor of a recommender: `recommend(machine, installed, candidates, settings, task)`, no I/O or state.

    `task` is the capability that is wanted (`chat`, `code`, `vision` ...), empty for no special one. The candidates are
    not filtered by it: what cannot do it is left out or put last, and each reason says so.
    """

    name: str
    summary: str
    recommend: Callable[[Machine, Sequence[Model], Sequence[Candidate], Any, str], Sequence[Recommendation]]
    settings: type[msgspec.Struct] = NoSettings
