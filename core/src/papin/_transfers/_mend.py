"""A payload that is damaged on its disk: what is still right of it is taken over, and only the rest is fetched.

Whoever brought it in, or read it whole, kept the CRC-32 of each of its chunks. They tell where the damage is, and
nothing more: the digest of the whole decides, as always. Without them all of it is fetched. The damaged payload stays
as it is, for whoever uses it, until the right one takes its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import trio

from papin._transfers._disk import in_thread
from papin._transfers._here import UnfitError, agrees, opened
from papin._transfers._ledger import CHUNK, Ledger
from papin._transfers._meter import Meter
from papin._transfers._notes import Entity
from papin._transfers._payload import Payload
from papin._transfers._sums import unpack
from papin.storages import Staging

_DURABLE = 16  # chunks that are written before they are made durable


@dataclass(frozen=True, slots=True, kw_only=True)
class Damaged:
    """A payload that is not what it was: its file (None: gone), its right size, and its `sums`, where known."""

    path: Path | None
    size: int
    sums: bytes = b""

    def lost(self) -> int:
        """Return how many of its bytes have to be fetched: those of the chunks that are not as they were. Blocks."""
        if not self.sums:
            return self.size
        ledger = Ledger(self.size)
        return self.size - sum(ledger.size(number) for number, _ in self.right(range(ledger.count or 0)))

    def right(self, numbers: range | list[int]) -> Iterator[tuple[int, memoryview]]:
        """Yield those of the chunks `numbers` that are as they were, each good until the next. Blocks."""
        sums = unpack(self.sums)
        ledger = Ledger(self.size)
        if self.path is None or len(sums) != ledger.count:
            return
        with suppress(UnfitError), opened(self.path) as file:
            buffer = memoryview(bytearray(CHUNK))
            for number in numbers:
                view = buffer[: ledger.size(number)]
                if agrees(file, number * CHUNK, view, sums[number]):
                    yield number, view


async def take_over(damaged: Damaged, staging: Staging, meter: Meter) -> None:
    """Put what is right of a damaged payload into an open staging area, beside what is there already.

    Raises:
        StorageFailed, DiskSpace: it could not be written.
    """
    meter.enter("verifying", total=damaged.size)
    await in_thread(_take_over, damaged, staging, meter)


def _take_over(damaged: Damaged, staging: Staging, meter: Meter) -> None:
    with closing(Payload(staging)) as payload:
        ledger = payload.recover()
        if ledger.total != damaged.size:
            payload.restart(Entity(total=damaged.size))
            payload.make_room(damaged.size)
            ledger = Ledger(damaged.size)
        missing = [number for number in range(ledger.count or 0) if number not in ledger.done]
        received = ledger.received
        for turn, (number, view) in enumerate(damaged.right(missing), 1):
            payload.put(number, view)
            received += len(view)
            trio.from_thread.run_sync(meter.show, received)
            if not turn % _DURABLE:
                payload.sync()
        payload.sync()
