"""How much room this machine has for a model, and what a model needs."""

from __future__ import annotations

from typing import NamedTuple

from papin import memory
from papin.machine import Machine
from papin.recommenders import Candidate
from papin.sizes import size_text

__all__ = ["Room", "need", "room"]


class Room(NamedTuple):
    """What a model may take, in bytes. `gpu` is 0 where there is none, or none that tells its memory."""

    gpu: int
    gpu_words: str
    main: int
    main_words: str


def room(machine: Machine, memory_share: float) -> Room:
    """Return the room on the largest GPU and in main memory, and how to speak of them."""
    space = memory.room(machine, memory_share)
    largest = max(machine.gpus, key=lambda gpu: gpu.memory or 0, default=None)
    return Room(
        gpu=space.gpu,
        gpu_words=f"{size_text(largest.memory)} of {largest.name}" if largest is not None and largest.memory else "",
        main=space.main,
        main_words=size_text(machine.memory.total),
    )


def need(candidate: Candidate) -> int | None:
    """Return the bytes of memory that `candidate` needs, estimated from its size where nobody did; None: unknown."""
    return memory.estimate_variant(candidate.variant) if candidate.memory is None else candidate.memory
