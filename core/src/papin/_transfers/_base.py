"""What is here of the version that a file replaces, and which part of it may be in the new one, by their sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from papin.models import WantedFile

_BLOCK = 4096  # of file systems that share blocks; no file aligns its weights to more
_LEAST = 8 << 20  # of weights: less is fetched as soon as compared
_MOST = 32 << 20  # of what comes before them: vocabularies take some megabytes


def _tell_nobody() -> None:
    return


class Graft(NamedTuple):
    """The `length` bytes from `start` of a file that is here take their place from `offset` of a new one to its end."""

    start: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A verified file here that is to be replaced: the first `header` of its `size` bytes come before its weights.

    `otherwise` is called when they looked like those of the new one, and are others.
    """

    path: Path
    size: int
    header: int
    otherwise: Callable[[], None] = _tell_nobody

    def graft(self, wanted: WantedFile) -> Graft | None:
        """Return what would be the end of `wanted` if its weights were the same; None where that is of no use."""
        if wanted.sha256 is None or wanted.size is None:
            return None
        # From the next block on: a little more is fetched, and what pads the header is no part of the weights.
        start = -(-self.header // _BLOCK) * _BLOCK
        length = self.size - start
        offset = wanted.size - length
        return Graft(start, offset, length) if length >= _LEAST and 0 < offset <= _MOST else None
