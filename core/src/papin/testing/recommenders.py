"""The suite for recommenders."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec
import pytest

from papin.machine import Gpu, Machine, Memory
from papin.recommenders import Candidate, Recommendation, Recommender
from papin.testing._described import DescribedSuite
from papin.testing.contexts import MACHINE
from papin.testing.samples import sample_candidates, sample_models

__all__ = ["RecommenderSuite"]

MACHINES = (
    MACHINE,
    Machine(system="Linux", architecture="aarch64", cores=1, memory=Memory(total=1 << 30, available=1 << 28)),
    Machine(
        system="Linux",
        architecture="x86_64",
        cores=32,
        memory=Memory(total=128 << 30, available=100 << 30),
        gpus=(
            Gpu(name="Large", vendor="nvidia", memory=80 << 30, memory_free=79 << 30),
            Gpu(name="Unknown", vendor="intel"),
        ),
    ),
)
"""An ordinary one, a tiny one, and one with graphics processors, of one of which nobody knows the memory."""

INSTALLED = sample_models(7, 5)


class RecommenderSuite(DescribedSuite):
    """Override `descriptor`; a recommender is a pure function, and this is what that means."""

    def recommend(
        self,
        descriptor: Recommender,
        settings: dict[str, Any],
        machine: Machine,
        candidates: Sequence[Candidate],
        task: str = "",
    ) -> list[Recommendation]:
        """Return what the recommender says for a task, with some models installed."""
        chosen = msgspec.convert(settings, descriptor.settings)
        return list(descriptor.recommend(machine, INSTALLED, candidates, chosen, task))

    @pytest.fixture(params=MACHINES, ids=("ordinary", "tiny", "large"))
    def machine(self, request: pytest.FixtureRequest) -> Machine:
        """Return one machine after the other."""
        found: Machine = request.param
        return found

    @pytest.fixture(params=(1, 2, 20, 200))
    def candidates(self, request: pytest.FixtureRequest) -> tuple[Candidate, ...]:
        """Return some candidates, then more."""
        return sample_candidates(request.param, request.param)

    def test_nothing_comes_of_nothing(
        self, descriptor: Recommender, settings: dict[str, Any], machine: Machine
    ) -> None:
        """With no candidate there is nothing to recommend, whether anything is installed or not."""
        assert self.recommend(descriptor, settings, machine, ()) == []
        assert list(descriptor.recommend(machine, (), (), msgspec.convert(settings, descriptor.settings), "")) == []

    def test_it_is_pure(
        self,
        descriptor: Recommender,
        settings: dict[str, Any],
        machine: Machine,
        candidates: tuple[Candidate, ...],
    ) -> None:
        """The same input gives the same output, and is left as it was."""
        given = list(candidates)
        before = copy.deepcopy(given)
        first = self.recommend(descriptor, settings, machine, given)
        assert given == before
        assert self.recommend(descriptor, settings, machine, given) == first

    def test_order_does_not_matter(
        self,
        descriptor: Recommender,
        settings: dict[str, Any],
        machine: Machine,
        candidates: tuple[Candidate, ...],
    ) -> None:
        """The same candidates in another order are ranked the same, ties included."""
        other = list(candidates)
        Random(1).shuffle(other)  # noqa: S311  a fixed order, not a secret
        assert self.recommend(descriptor, settings, machine, other) == self.recommend(
            descriptor, settings, machine, candidates
        )

    def test_it_ranks_what_there_is(
        self,
        descriptor: Recommender,
        settings: dict[str, Any],
        machine: Machine,
        candidates: tuple[Candidate, ...],
    ) -> None:
        """Each recommendation is of a candidate, once, the best first, with a reason and a score that is a number."""
        found = self.recommend(descriptor, settings, machine, candidates)
        refs = [each.ref for each in found]
        assert set(refs) <= {candidate.variant.ref for candidate in candidates}
        assert len(refs) == len(set(refs))
        assert all(each.reason and math.isfinite(each.score) for each in found)
        assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)

    def test_what_is_larger_than_the_machine_does_not_fit(
        self,
        descriptor: Recommender,
        settings: dict[str, Any],
        machine: Machine,
        candidates: tuple[Candidate, ...],
    ) -> None:
        """Nothing is said to fit that needs more than all memory of the machine together."""
        most = machine.memory.total + sum(gpu.memory or 0 for gpu in machine.gpus)
        needs = {candidate.variant.ref: candidate.memory for candidate in candidates}
        for each in self.recommend(descriptor, settings, machine, candidates):
            assert not (each.fits and (needs[each.ref] or 0) > most)

    def test_what_can_do_the_task_comes_before_what_cannot(
        self, descriptor: Recommender, settings: dict[str, Any], machine: Machine, candidates: tuple[Candidate, ...]
    ) -> None:
        """Of two candidates that differ in that alone, the one that can do the wanted task is ranked higher."""
        for each in candidates[:5]:
            plain = msgspec.structs.replace(each.variant, ref="shelf:plain", capabilities=("text",))
            able = msgspec.structs.replace(each.variant, ref="shelf:zable", capabilities=("text", "code"))
            pair = [msgspec.structs.replace(each, variant=variant) for variant in (plain, able)]
            refs = [found.ref for found in self.recommend(descriptor, settings, machine, pair, "code")]
            assert refs in ([], ["shelf:zable"], ["shelf:zable", "shelf:plain"])
