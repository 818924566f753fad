"""The suite for cleanup policies."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

import msgspec
import pytest

from papin.policies import CleanupPolicy, Inventory, Removal
from papin.testing._described import DescribedSuite
from papin.testing.samples import NOW, sample_inventory

__all__ = ["PolicySuite"]

INVENTORIES = tuple(sample_inventory(seed, count) for seed, count in enumerate((0, 1, 2, 5, 20, 100, 100, 300)))


class PolicySuite(DescribedSuite):
    """Override `descriptor`; a policy is a pure function, and this is what that means."""

    def plan(self, descriptor: CleanupPolicy, settings: dict[str, Any], inventory: Inventory) -> list[Removal]:
        """Return what the policy proposes."""
        return list(descriptor.plan(inventory, NOW, msgspec.convert(settings, descriptor.settings)))

    @pytest.fixture(params=INVENTORIES, ids=lambda inventory: f"{len(inventory.models)}-models")
    def inventory(self, request: pytest.FixtureRequest) -> Inventory:
        """Return one inventory after the other."""
        found: Inventory = copy.deepcopy(request.param)
        return found

    def test_nothing_comes_of_nothing(self, descriptor: CleanupPolicy, settings: dict[str, Any]) -> None:
        """With no model there is nothing to remove, however full the disk is."""
        empty = Inventory(models=(), loaded=frozenset(), frees={}, free=0, total=1)
        assert self.plan(descriptor, settings, empty) == []

    def test_it_is_pure(self, descriptor: CleanupPolicy, settings: dict[str, Any], inventory: Inventory) -> None:
        """The same input gives the same output, and is left as it was."""
        before = copy.deepcopy(inventory)
        first = self.plan(descriptor, settings, inventory)
        assert inventory == before
        assert self.plan(descriptor, settings, inventory) == first

    def test_order_does_not_matter(
        self, descriptor: CleanupPolicy, settings: dict[str, Any], inventory: Inventory
    ) -> None:
        """The same models in another order give the same plan."""
        models = list(inventory.models)
        Random(1).shuffle(models)  # noqa: S311  a fixed order, not a secret
        other = msgspec.structs.replace(
            inventory, models=tuple(models), frees={model.id: inventory.frees[model.id] for model in models}
        )
        assert self.plan(descriptor, settings, other) == self.plan(descriptor, settings, inventory)

    def test_it_names_what_there_is(
        self, descriptor: CleanupPolicy, settings: dict[str, Any], inventory: Inventory
    ) -> None:
        """Each removal is of a model of the inventory, once, with a reason and what it frees."""
        removals = self.plan(descriptor, settings, inventory)
        named = [removal.model for removal in removals]
        assert set(named) <= {model.id for model in inventory.models}
        assert len(named) == len(set(named))
        for removal in removals:
            assert removal.reason
            assert 0 <= removal.frees <= inventory.frees[removal.model]
