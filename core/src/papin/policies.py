"""What a cleanup policy implements: a pure function from what is there to what may go, with reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import msgspec

from papin.context import NoSettings
from papin.models import Model

__all__ = ["Cleanup", "CleanupPolicy", "Inventory", "Removal"]


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy is told. `frees` says for each model id how many bytes its removal alone gives back."""

    models: tuple[Model, ...]
    loaded: frozenset[str]
    frees: dict[str, int]
    free: int
    total: int


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """A model that may go, and why."""

    model: str
    reason: str
    frees: int
    policy: str = ""


class Cleanup(msgspec.Struct, frozen=True, kw_only=True):
    """What a clean-up removed, the bytes that are free again, and the models that stay, because they are in use."""

    removed: tuple[Removal, ...] = ()
    freed: int = 0
    left: tuple[str, ...] = ()


class CleanupPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The descriptor of a policy: `plan(inventory, now, settings)` without I/O, clock or state.

    The kernel drops a removal of a model that is loaded or a favourite, whatever a policy says.
    """

    name: str
    summary: str
    plan: Callable[[Inventory, datetime, Any], Iterable[Removal]]
    settings: type[msgspec.Struct] = NoSettings
