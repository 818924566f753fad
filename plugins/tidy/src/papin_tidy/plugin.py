"""Registers the cleanup policies `unused` and `space`."""

from __future__ import annotations

from collections.abc import Iterable

from papin.hookspecs import hookimpl
from papin.policies import CleanupPolicy
from papin_tidy._policies import SpaceSettings, UnusedSettings, plan_space, plan_unused

__all__ = ["papin_cleanup_policies"]


@hookimpl
def papin_cleanup_policies() -> Iterable[CleanupPolicy]:
    """Register both policies; they plan, and nothing is removed before somebody agrees."""
    yield CleanupPolicy(
        name="unused",
        summary="Models that nobody has used for a long time.",
        plan=plan_unused,
        settings=UnusedSettings,
    )
    yield CleanupPolicy(
        name="space",
        summary="The least recently used models, until enough of the disk is free.",
        plan=plan_space,
        settings=SpaceSettings,
    )
