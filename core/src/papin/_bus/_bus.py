from __future__ import annotations

import threading
from collections import deque
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import msgspec
import trio

from papin.events import Envelope, Event, Lagged, encode

BURST = 64
"""How many waiting events a subscription hands out before it lets other tasks run."""


class BusStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the bus was made; `delivered` and `missed` are summed over all subscriptions, gone ones included."""

    published: int
    delivered: int
    missed: int
    subscribers: int
    waiting: int


class Frame:
    """An envelope on its way to all subscribers, with its JSON, made when the first of them asks."""

    __slots__ = ("_data", "envelope")

    def __init__(self, envelope: Envelope) -> None:
        self.envelope = envelope
        self._data: bytes | None = None

    @property
    def data(self) -> bytes:
        """The JSON of the envelope, on one line; the same object for every subscriber."""
        if self._data is None:
            self._data = encode(self.envelope)
        return self._data


class Subscription:
    """One listener: `with bus.subscribe() as events: async for frame in events`. For one task at a time."""

    def __init__(self, bus: Bus, capacity: int) -> None:
        self._bus = bus
        self._capacity = capacity
        self._queue: deque[Frame] = deque()
        self._wake: trio.Event | None = None
        self._closed = False
        self._burst = 0
        self.missed = 0
        self.reported = 0
        self.delivered = 0

    def __enter__(self) -> Self:
        self._bus.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bus.drop(self)
        self.close()

    def __len__(self) -> int:
        return len(self._queue)

    def offer(self, frame: Frame) -> None:
        """Take `frame`, or count it as missed; called by the bus."""
        queue = self._queue
        if self.missed != self.reported or len(queue) >= self._capacity:
            self.missed += 1  # nothing is queued before the gap is told of, so that it is contiguous
            return
        queue.append(frame)
        if self._wake is not None:
            self._wake.set()
            self._wake = None

    def close(self) -> None:
        """Take no more; what is queued can still be read, and then the iteration ends."""
        self._closed = True
        if self._wake is not None:
            self._wake.set()
            self._wake = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Frame:
        """Return the next frame; every 64th time at the latest, other tasks run and a cancellation is noticed."""
        self._burst += 1
        if self._burst >= BURST:
            self._burst = 0
            await trio.lowlevel.checkpoint()
        while not self._queue:
            if self.missed != self.reported:
                return await self._lagged()
            if self._closed:
                await trio.lowlevel.checkpoint()
                raise StopAsyncIteration
            self._burst = 0
            self._wake = trio.Event()
            await self._wake.wait()
        self.delivered += 1
        return self._queue.popleft()

    async def _lagged(self) -> Frame:
        await trio.lowlevel.checkpoint()
        missed, self.reported = self.missed - self.reported, self.missed
        return Frame(Envelope(at=datetime.now(UTC), event=Lagged(missed=missed)))


class Bus:
    """Hands events to all subscriptions. To be published to from any thread, listened to in trio."""

    def __init__(self) -> None:
        self._subscriptions: tuple[Subscription, ...] = ()
        self._thread = 0
        self._token: trio.lowlevel.TrioToken | None = None
        self._published = 0
        self._delivered = 0
        self._missed = 0

    def subscribe(self, capacity: int = 1024) -> Subscription:
        """Return a listener for what is published from when it is entered; it queues at most `capacity` events."""
        return Subscription(self, capacity)

    def publish(self, event: Event) -> None:
        """Hand `event`, which is not journalled, to all subscriptions. Never blocks."""
        self.publish_envelope(Envelope(at=datetime.now(UTC), event=event))

    def publish_envelope(self, envelope: Envelope) -> None:
        """Hand on `envelope` as it stands. Never blocks."""
        if self._token is not None and threading.get_ident() != self._thread:
            self._token.run_sync_soon(self._hand_out, envelope)
        else:
            self._hand_out(envelope)

    def _hand_out(self, envelope: Envelope) -> None:
        self._published += 1
        frame = Frame(envelope)
        for subscription in self._subscriptions:
            subscription.offer(frame)

    def close(self) -> None:
        """End all iterations, once they have read what is queued."""
        for subscription in self._subscriptions:
            subscription.close()

    def statistics(self) -> BusStatistics:
        """Return the counts."""
        live = self._subscriptions
        return BusStatistics(
            published=self._published,
            delivered=self._delivered + sum(each.delivered for each in live),
            missed=self._missed + sum(each.missed for each in live),
            subscribers=len(live),
            waiting=sum(len(each) for each in live),
        )

    def add(self, subscription: Subscription) -> None:
        """Begin to hand events to `subscription`."""
        self._token = trio.lowlevel.current_trio_token()
        self._thread = threading.get_ident()
        self._subscriptions = (*self._subscriptions, subscription)

    def drop(self, subscription: Subscription) -> None:
        """Hand no more events to `subscription`, and keep its counts; what it did not read counts as missed."""
        if subscription in self._subscriptions:
            self._subscriptions = tuple(each for each in self._subscriptions if each is not subscription)
            self._delivered += subscription.delivered
            self._missed += subscription.missed + len(subscription)
