"""How much room this machine has for a model, and what a model needs."""

from __future__ import annotations

from typing import NamedTuple

from papin.machine import Machine
from papin.recommenders import Candidate
from papin.sizes import size_text

__all__ = ["Room", "need", "room"]

# A GPU also holds the picture on the screen; a tenth is left to it.
_OF_A_GPU = 0.9
# Where nobody estimated the memory: the weights, a tenth for the cache of a short chat, and the program itself.
_OF_THE_WEIGHTS = 1.1
_PROGRAM = 150_000_000


class Room(NamedTuple):
    """What a model may take, in bytes. `gpu` is 0 where there is none, or none that tells its memory."""

    gpu: int
    gpu_words: str
    main: int
    main_words: str


def room(machine: Machine, memory_share: float) -> Room:
    """Return the room on the largest GPU and in main memory, and how to speak of them."""
    largest = max(machine.gpus, key=lambda gpu: gpu.memory or 0, default=None)
    gpu = largest.memory if largest is not None and largest.memory else 0
    return Room(
        gpu=int(gpu * _OF_A_GPU),
        gpu_words=f"{size_text(gpu)} of {largest.name}" if largest is not None and gpu else "",
        main=int(machine.memory.total * memory_share),
        main_words=size_text(machine.memory.total),
    )


def need(candidate: Candidate) -> int | None:
    """Return the bytes of memory that `candidate` needs, estimated from its size where nobody did; None: unknown."""
    if candidate.memory is not None:
        return candidate.memory
    size = candidate.variant.size
    return None if size is None else int(size * _OF_THE_WEIGHTS) + _PROGRAM
