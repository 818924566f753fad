"""The two policies: pure functions of an inventory and a clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated

import msgspec

from papin.models import Model
from papin.policies import Inventory, Removal
from papin.sizes import size_text

__all__ = ["SpaceSettings", "UnusedSettings", "plan_space", "plan_unused"]


class UnusedSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """After how many days without use a model may go."""

    days: Annotated[int, msgspec.Meta(ge=1, le=36_500)] = 60


class SpaceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many bytes of the disk are to stay free; 0 switches the policy off."""

    keep_free: Annotated[int, msgspec.Meta(ge=0)] = 10_000_000_000


def plan_unused(inventory: Inventory, now: datetime, settings: UnusedSettings) -> Iterator[Removal]:
    """Yield the models that were not used for `settings.days` days, the longest unused first."""
    for model in _removable(inventory):
        # A clock that was set back makes ages negative, and nothing old.
        age = (now - _last_use(model)).days
        if age >= settings.days:
            yield _removal(inventory, model, "unused", _age(model, age))


def plan_space(inventory: Inventory, now: datetime, settings: SpaceSettings) -> Iterator[Removal]:
    """Yield the least recently used models until `settings.keep_free` bytes would be free."""
    free = inventory.free
    for model in _removable(inventory):
        if free >= settings.keep_free:
            return
        frees = inventory.frees.get(model.id, 0)
        if frees <= 0:  # another model needs the same payload, so this would cost a model and give nothing
            continue
        free += frees
        wish = f"{size_text(inventory.free)} are free and {size_text(settings.keep_free)} should be"
        age = max(0, (now - _last_use(model)).days)
        yield _removal(inventory, model, "space", f"{wish}; {_age(model, age)}")


def _removable(inventory: Inventory) -> Iterable[Model]:
    """Return the models that may go, the least recently used first."""
    may_go = (model for model in inventory.models if not model.favourite and model.id not in inventory.loaded)
    return sorted(may_go, key=lambda model: (_last_use(model), model.id))


def _last_use(model: Model) -> datetime:
    """Return when `model` was last used; installing it counts, so that what is new is not old."""
    return max(model.installed_at, model.last_used_at or model.installed_at)


def _age(model: Model, days: int) -> str:
    ago = "today" if days <= 0 else "yesterday" if days == 1 else f"{days} days ago"
    if model.last_used_at is None:
        return f"installed {ago} and never used"
    return f"last used {ago} ({_last_use(model):%Y-%m-%d})"


def _removal(inventory: Inventory, model: Model, policy: str, reason: str) -> Removal:
    return Removal(model=model.id, reason=reason, frees=max(0, inventory.frees.get(model.id, 0)), policy=policy)
