"""The connections that fetch one payload at the same time: one to begin with, more as long as that helps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

import trio

from papin._transfers import _judge
from papin._transfers._asker import Asker
from papin._transfers._body import Body
from papin._transfers._disk import in_thread
from papin._transfers._lanes import Lanes, Sample
from papin._transfers._ledger import CHUNK, NOTHING, Claim, Ledger
from papin._transfers._meter import Meter
from papin._transfers._pace import Pace
from papin._transfers._payload import Payload
from papin._transfers._pipe import Pipe
from papin._transfers._processor import starved
from papin.errors import NotFound, SourceChanged, TooManyRequests, TransferFailed

_SHOWN = 0.05  # seconds between two reports of the progress
_SILENCE = 3.0  # seconds without a byte until that is told

Slot = Callable[[], AbstractContextManager[bool]]


@dataclass(eq=False, slots=True)
class _Lane:
    """One connection after the other: whether it brought anything at all, and by its last request."""

    has_joined: bool = False
    has_brought: bool = False


class Swarm:
    """Fetches what the ledger misses. `error` is what ended the last connection, `anew` why all has to begin again."""

    def __init__(
        self,
        *,
        asker: Asker,
        payload: Payload,
        ledger: Ledger,
        pipe: Pipe,
        lanes: Lanes,
        pace: Pace,
        meter: Meter,
        position: Callable[[Claim], _judge.Position],
    ) -> None:
        self._asker = asker
        self._payload = payload
        self._ledger = ledger
        self._pipe = pipe
        self._lanes = lanes
        self._pace = pace
        self._meter = meter
        self._position = position
        self._before = ledger.received
        self._came = 0
        self._shown = 0.0
        self._waited = 0.0
        self._waiting = 0
        self._idle = 0.0
        self._starved = 0.0
        self._listening = trio.CancelScope()
        self._heard = trio.Event()
        self._came_at = 0.0
        self._pipe_before = 0.0
        self._active = 0
        self._joined = 0
        self._claims: set[Claim] = set()
        self._bodies: set[Body] = set()
        self._may_grow = False
        self._slot: Slot = lambda: nullcontext(False)
        self._wanted: Callable[[], bool] = lambda: False
        self.error: TransferFailed | NotFound | None = None
        self.anew = ""

    def allow_more(self, slot: Slot, wanted: Callable[[], bool]) -> None:
        """Let there be more than one connection, each in a `slot`; while others want one, fewer again."""
        self._may_grow, self._slot, self._wanted = True, slot, wanted

    async def run(self, body: Body, claim: Claim) -> None:
        """Fetch everything, `claim` from `body` and the rest as seems best; return when nothing more can be done."""
        self._came_at = trio.current_time()
        async with trio.open_nursery() as self._nursery:
            self._nursery.start_soon(self._watch)
            self._active += 1
            lane = _Lane()
            await self._work(lane, partial(self._take, lane, body, claim))

    async def _watch(self) -> None:
        """Tell of each silence, once: a speed that stays on the screen while nothing comes is a lie."""
        with self._listening:
            while True:
                await trio.sleep_until(self._came_at + _SILENCE)
                if trio.current_time() >= self._came_at + _SILENCE:
                    self._meter.silence(self._before + self._came, self._came_at)
                    self._heard = trio.Event()
                    await self._heard.wait()

    async def _another(self) -> None:
        with self._slot() as granted:
            if granted:
                await self._work(_Lane(), trio.lowlevel.checkpoint)
            else:
                self._active -= 1

    async def _work(self, lane: _Lane, first: Callable[[], Awaitable[None]]) -> None:
        """Do `first`, and then what else there is to do."""
        try:
            await first()
            while self._goes_on() and (claim := self._next_claim()):
                lane.has_brought = False
                await self._fetch(lane, claim)
        except SourceChanged as error:
            self.error = error
            self._nursery.cancel_scope.cancel()
        except (TransferFailed, NotFound) as error:
            self.error = error
            if isinstance(error, TooManyRequests) or not lane.has_brought:
                self._lanes.refused(trio.current_time(), self._active - 1)
        finally:
            self._active -= 1
            self._joined -= lane.has_joined
            if not self._active:
                self._listening.cancel()

    def _goes_on(self) -> bool:
        return self._active == 1 or (self._active <= self._lanes.target and not self._wanted())

    def _next_claim(self) -> Claim | None:
        ledger = self._ledger
        if ledger.total is None or ledger.is_complete:
            return None
        claim = ledger.claim(self._lanes.run(ledger.free, CHUNK))
        if claim is None and self._lanes.is_worth_it(ledger.total - ledger.received):
            claim = ledger.steal()
        return claim

    async def _fetch(self, lane: _Lane, claim: Claim) -> None:
        """Ask for a claim and take what is answered."""
        try:
            await check_part(self._payload, self._ledger, claim.next)
            position = self._position(claim)
            async with self._asker.ask(position) as (answer, verdict):
                self._lanes.answered(self._asker.waited)
                match verdict:
                    case _judge.Body(start=start, stop=stop) if start == position.offset and stop is not None:
                        await self._take(lane, Body(answer, stop, self._pace), claim)
                    case _judge.Body(entity=entity) if position.is_same(entity):
                        # It answers with everything now, and that one connection already gets.
                        self._may_grow = False
                        self._lanes.refused(trio.current_time(), self._active - 1)
                    case _judge.Body():
                        self._begin_anew("the file at the source is another one now")
                    case _judge.Restart(why=why):
                        self._begin_anew(why)
                    case _judge.Complete():
                        self._begin_anew("the server has less than it said")
        finally:
            self._ledger.give_up(claim)

    def _begin_anew(self, why: str) -> None:
        self.anew = why
        self._nursery.cancel_scope.cancel()

    async def _take(self, lane: _Lane, body: Body, claim: Claim) -> None:
        self._claims.add(claim)
        self._bodies.add(body)
        try:
            with body.scope:
                await body.take(claim, self._ledger, self._pipe, partial(self._count, lane))
        finally:
            self._claims.discard(claim)
            self._bodies.discard(body)
            await body.aclose()

    def _count(self, lane: _Lane, count: int, *, has_more: bool, idle: float) -> None:
        self._came += count
        self._idle += idle / max(1, self._active)
        self._waiting += count if has_more else 0
        self._joined += not lane.has_joined
        lane.has_joined = lane.has_brought = True
        self._came_at = now = trio.current_time()
        self._heard.set()
        if now - self._shown >= _SHOWN:
            self._shown = now
            self._starved = starved()
            self._meter.show(self._before + self._came)
        if self._may_grow and self._ledger.total is not None:
            self._adapt(now, self._ledger.total)

    def _adapt(self, now: float, total: int) -> None:
        missing = total - self._before - self._came
        self._waited += (self._pipe.held_up - self._pipe_before) / max(1, self._active)
        self._pipe_before = self._pipe.held_up
        sample = Sample(
            received=self._came,
            missing=missing,
            active=self._joined,
            held_up=self._waited,
            waiting=self._waiting,
            idle=self._idle,
            starved=self._starved,
            is_hash_bound=self._pipe.is_hash_bound,
        )
        before = self._lanes.target
        target = self._lanes.look(now, sample)
        if target > 1 and before == 1:
            self._share()
        for _ in range(self._active, target):
            self._active += 1
            self._nursery.start_soon(self._another)
        for body in [*self._bodies]:
            rate = body.window_rate()
            if rate is not None and self._lanes.is_lagging(rate):
                body.scope.cancel()

    def _share(self) -> None:
        """Give back most of what the only connection had claimed."""
        for claim in self._claims:
            self._ledger.shrink(claim, self._lanes.run(self._ledger.free + claim.stop - claim.next, CHUNK) or 0)


async def check_part(payload: Payload, ledger: Ledger, number: int) -> None:
    """Forget the beginning of a chunk unless it still is as it was written."""
    part = ledger.parts.get(number, NOTHING)
    if part.filled and not await in_thread(payload.agrees, number, part):
        del ledger.parts[number]
