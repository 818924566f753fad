"""Which parts of a payload are there, which are on their way, and which is next: bookkeeping without any I/O.

A payload is cut into chunks of 4 MiB: small enough that the last ones do not keep one connection waiting for another
one and that little is fetched again when one is damaged, large enough that the notes of 100 GB are a megabyte. A
connection claims a run of chunks and asks for all of it at once, so that small chunks do not mean many requests.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

CHUNK = 4 << 20


class Part(NamedTuple):
    """The beginning of a chunk: so many bytes, and their CRC-32."""

    filled: int
    crc: int


NOTHING = Part(0, 0)


@dataclass(eq=False, slots=True)
class Claim:
    """A run of chunks that one connection fetches: `next` is the one that comes now, `stop` is behind the last."""

    next: int
    stop: int


class Ledger:
    """The chunks of one payload. `total` is its length in bytes, None while nobody knows."""

    def __init__(self, total: int | None = None) -> None:
        self.total = total
        self.done: dict[int, int] = {}
        self.parts: dict[int, Part] = {}
        self._claims: list[Claim] = []
        self._held: set[int] = set()
        self._low = 0  # every chunk before it is done or held

    @property
    def count(self) -> int | None:
        """How many chunks there are."""
        return None if self.total is None else -(-self.total // CHUNK)

    @property
    def is_complete(self) -> bool:
        """Tell whether every chunk is there."""
        return self.count is not None and len(self.done) >= self.count

    @property
    def received(self) -> int:
        """The bytes that are there."""
        whole = len(self.done) * CHUNK
        last = (self.count or 0) - 1
        short = CHUNK - self.size(last) if last in self.done else 0
        return whole - short + sum(part.filled for number, part in self.parts.items() if number not in self.done)

    @property
    def free(self) -> int:
        """How many chunks nobody has claimed; 0 while the total is unknown."""
        return 0 if self.count is None else self.count - len(self._held | self.done.keys())

    def size(self, number: int) -> int:
        """Return the length of a chunk in bytes."""
        return CHUNK if self.total is None else max(0, min(CHUNK, self.total - number * CHUNK))

    def claim(self, most: int | None = None) -> Claim | None:
        """Claim the first free chunk and up to `most` in all that follow it and are free and untouched."""
        first = next(self._free_from(self._low), None)
        if first is None:
            return None
        self._low = first
        claim = Claim(first, first + 1)
        self._held.add(first)
        self._claims.append(claim)
        # With an unknown total nothing has an end that could be reached here: what comes is claimed as it comes.
        most = 1 if self.count is None else most
        while (most is None or claim.stop - first < most) and self.extend(claim):
            continue
        return claim

    def extend(self, claim: Claim) -> bool:
        """Add the chunk behind `claim` to it, if it is free and nothing of it is there; return whether it was."""
        number = claim.stop
        if not self._is_free(number) or number in self.parts:
            return False
        self._held.add(number)
        claim.stop += 1
        return True

    def _is_free(self, number: int) -> bool:
        is_there = self.count is None or number < self.count
        return is_there and number not in self._held and number not in self.done

    def _free_from(self, number: int) -> Iterator[int]:
        while self.count is None or number < self.count:
            if self._is_free(number):
                yield number
            number += 1

    def shrink(self, claim: Claim, keep: int) -> None:
        """Give back all chunks of `claim` but the present one and `keep` after it."""
        stop = min(claim.stop, claim.next + 1 + keep)
        self._let_go(range(stop, claim.stop))
        claim.stop = stop

    def _let_go(self, numbers: range) -> None:
        self._held.difference_update(numbers)
        if numbers:
            self._low = min(self._low, numbers.start)

    def steal(self) -> Claim | None:
        """Claim the back half of the longest run that somebody else has not come to yet."""
        longest = max(self._claims, key=lambda each: each.stop - each.next, default=None)
        if longest is None or longest.stop - longest.next < 3:  # noqa: PLR2004  # the present one and one for each
            return None
        middle = longest.stop - (longest.stop - longest.next - 1) // 2
        stop, longest.stop = longest.stop, middle
        claim = Claim(middle, stop)
        self._claims.append(claim)
        return claim

    def begin_next(self, claim: Claim, *, may_extend: bool) -> bool:
        """Go on to the next chunk of `claim`, or of what can be added to it; return whether there is one."""
        if claim.next + 1 >= claim.stop and not (may_extend and self.extend(claim)):
            return False
        claim.next += 1
        return True

    def drop(self, claim: Claim) -> None:
        """End `claim`; its chunks that were not begun are free again. What was begun is settled by itself."""
        if claim in self._claims:
            self._claims.remove(claim)
        self._let_go(range(claim.next + 1, claim.stop))

    def give_up(self, claim: Claim) -> None:
        """End `claim` before anything of it was begun, unless it has ended already."""
        if claim in self._claims:
            self.drop(claim)
            self._let_go(range(claim.next, claim.next + 1))

    def complete(self, number: int, crc: int) -> None:
        """Record that a chunk is there."""
        self.done[number] = crc
        self.parts.pop(number, None)
        self._held.discard(number)

    def put_back(self, number: int, part: Part) -> None:
        """Record that only `part` of a chunk came, unless it is all of it; it is free again."""
        if part.filled and part.filled == self.size(number):
            self.complete(number, part.crc)
        elif part.filled:
            self.parts[number] = part
        self._let_go(range(number, number + 1))

    def reject(self, number: int) -> None:
        """Forget a chunk that is not what it was; it is free again."""
        self.done.pop(number, None)
        self.parts.pop(number, None)
        self._let_go(range(number, number + 1))

    def end(self, total: int) -> None:
        """Learn the length of the whole, at the end of a body that did not tell."""
        self.total = total
        self._held = {number for number in self._held if number < (self.count or 0)}
        for number, part in [*self.parts.items()]:
            self.put_back(number, part)
