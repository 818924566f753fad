"""Registers the recommender `fit`."""

from __future__ import annotations

from collections.abc import Iterable

from papin.hookspecs import hookimpl
from papin.recommenders import Recommender
from papin_advisor._fit import FitSettings, recommend

__all__ = ["papin_recommenders"]


@hookimpl
def papin_recommenders() -> Iterable[Recommender]:
    """Register the recommender `fit`."""
    yield Recommender(
        name="fit",
        summary="Models that fit into the memory of this machine, the most capable quick ones first.",
        recommend=recommend,
        settings=FitSettings,
    )
