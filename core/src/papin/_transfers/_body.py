"""One answer's body, taken from its connection piece by piece into the chunks of a claim."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import trio

from papin._transfers._ledger import CHUNK, Claim, Ledger
from papin._transfers._pace import Pace
from papin._transfers._payload import Filling, Piece, begin
from papin._transfers._pipe import PIECE, Pipe
from papin.errors import SourceChanged, TransferFailed
from papin.sizes import size_text

if TYPE_CHECKING:
    from papin.http import StreamedResponse

_FLUSH = 0.5  # seconds that bytes may wait for the rest of their buffer
_WINDOW = 5.0
_FIRST = 512
_LEAST = 64 << 10  # what an answer to a request for more must bring


class Came(Protocol):
    """What is told of bytes that came."""

    def __call__(self, count: int, /, *, has_more: bool, idle: float) -> None:
        """Account for `count` bytes, `idle` seconds after they were asked for if nothing had come yet.

        `has_more` tells whether more were waiting to be read.
        """


class Body:
    """The body of `answer`, which ends before the offset `stop`, or anywhere. `scope` ends it from outside."""

    def __init__(self, answer: StreamedResponse, stop: int | None, pace: Pace) -> None:
        self.scope = trio.CancelScope()
        self._answer = answer
        self._stop = stop
        self._pace = pace
        self._came: Came = lambda _, has_more, idle: None  # noqa: ARG005
        self._early = memoryview(b"")
        self._position = 0
        self._since = trio.current_time()
        self._received = 0  # in the present window
        self._total = 0

    async def peek(self) -> bytes:
        """Return how it begins, before anything is done with it."""
        buffer = bytearray(_LEAST)
        count = await self._answer.receive_into(memoryview(buffer))
        self._early = memoryview(buffer)[:count]
        return bytes(self._early[:_FIRST])

    async def aclose(self) -> None:
        """End it; what of it is still to come is not fetched."""
        await self._answer.aclose()

    def window_rate(self) -> float | None:
        """Return the bytes a second of a window that is over, and begin the next one."""
        took = trio.current_time() - self._since
        if took < _WINDOW:
            return None
        rate = self._received / took
        self._since, self._received = trio.current_time(), 0
        return rate

    async def take(self, claim: Claim, ledger: Ledger, pipe: Pipe, came: Came) -> None:
        """Take it up to the end of `claim`, or of what can be added to it; the claim is dropped in any case.

        `came` is told whenever some came.

        Raises:
            TransferFailed: it broke off; what came is kept.
            SourceChanged: it is longer than it should be.
        """
        self._came = came
        filling = begin(ledger, claim.next)
        try:
            await pipe.open(filling)
            while await self._fill(filling, ledger, pipe):
                if not ledger.begin_next(claim, may_extend=self._reaches(claim.stop)):
                    await self._check_end(ledger)
                    return
                filling = begin(ledger, claim.next)
                await pipe.open(filling)
            self._end(filling, ledger, pipe)
        finally:
            pipe.settle(filling)
            ledger.drop(claim)

    def _reaches(self, number: int) -> bool:
        return self._stop is None or number * CHUNK < self._stop

    async def _fill(self, filling: Filling, ledger: Ledger, pipe: Pipe) -> bool:
        """Fill a chunk; return whether it is full, which it is not when the body ended before."""
        filled = filling.part.filled
        self._position = filling.number * CHUNK + filled
        while (left := ledger.size(filling.number) - filled) > 0:
            count, wanted = await self._fill_buffer(filling, min(PIECE, left), pipe)
            filled += count
            if not wanted:
                return False
        return True

    async def _fill_buffer(self, filling: Filling, room: int, pipe: Pipe) -> tuple[int, bool]:
        """Send a piece of up to `room` bytes down the pipe; return how many, and whether there may be more."""
        buffer = await pipe.buffer()
        view = memoryview(buffer)[:room]
        count, began = 0, trio.current_time()
        try:
            while count < room and (not count or (not pipe.is_full and trio.current_time() - began < _FLUSH)):
                was_waiting, asked = self._answer.has_more, trio.current_time()
                with pipe.asking() as most:
                    got = await self._receive(view[count:][:most])
                    pipe.came(got)
                if not got:
                    return count, False
                count += got
                self._position += got
                await self._account(got, 0.0 if was_waiting else trio.current_time() - asked, pipe)
        finally:
            # Whatever ended it: what came is kept.
            pipe.put(Piece(filling, buffer, count))
        return count, True

    async def _receive(self, view: memoryview) -> int:
        if self._stop is not None:
            view = view[: max(0, self._stop - self._position)]
        if self._early:
            count = min(len(view), len(self._early))
            view[:count] = self._early[:count]
            self._early = self._early[count:]
            return count
        return await self._answer.receive_into(view[: self._pace.piece])

    async def _account(self, count: int, idle: float, pipe: Pipe) -> None:
        self._received += count
        self._total += count
        self._came(count, has_more=self._answer.has_more, idle=idle)
        began = trio.current_time()
        await self._pace.take(count)
        pipe.held_up += trio.current_time() - began

    def _end(self, filling: Filling, ledger: Ledger, pipe: Pipe) -> None:
        """Judge an end that came before the claim was filled."""
        if ledger.total is None:
            position = self._position
            pipe.after(lambda: _learn_total(position, filling, ledger, pipe))
        elif self._stop is None or self._position < self._stop:
            raise self._cut(ledger.total)
        elif self._total < _LEAST:
            raise self._meagre()

    def _meagre(self) -> TransferFailed:
        error = TransferFailed(
            f"{self._answer.where} gives no more than {size_text(self._total)} at a time",
            next_step="Use another source.",
        )
        error.transient = True
        return error

    def _cut(self, total: int) -> TransferFailed:
        error = TransferFailed(
            f"{self._answer.where} ended after {size_text(self._position)} of {size_text(total)}",
            next_step="Run the same command again: it goes on where it stopped.",
        )
        error.transient = True
        return error

    async def _check_end(self, ledger: Ledger) -> None:
        """See that nothing follows the last byte, where no length says so."""
        if self._position != ledger.total or "content-length" in self._answer.headers:
            return
        try:
            surplus = bool(self._early) or await self._answer.receive_into(memoryview(bytearray(1)))
        except TransferFailed:
            return  # everything is here
        if surplus:
            raise SourceChanged(
                f"{self._answer.where} sends more than the {size_text(ledger.total)} that were announced",
                next_step="Use another source.",
            )


def _learn_total(total: int, filling: Filling, ledger: Ledger, pipe: Pipe) -> None:
    ledger.end(total)
    if filling.part.filled:
        pipe.complete(filling)
