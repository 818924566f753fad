"""What a recommender implements: a pure function from a machine, usage and candidates to a ranked list with reasons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from papin.context import NoSettings
from papin.machine import Machine
from papin.models import Model, Variant

__all__ = ["Candidate", "Recommendation", "Recommender"]


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A variant that could be installed; `memory` is the estimate of what it needs to run, in bytes."""

    variant: Variant
    memory: int | None
    installed: bool = False


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """A variant with a score (higher is better) and a reason in plain words. `fits` tells whether it runs here."""

    ref: str
    score: float
    reason: str
    fits: bool
    recommender: str = ""


class Recommender(msgspec.Struct, frozen=True, kw_only=True):
    """The descriptor of a recommender: `recommend(machine, installed, candidates, settings)` without I/O or state."""

    name: str
    summary: str
    recommend: Callable[[Machine, Sequence[Model], Sequence[Candidate], Any], Sequence[Recommendation]]
    settings: type[msgspec.Struct] = NoSettings
