"""The registry off the event loop; what a change journals is published on the bus once it is committed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar

import trio

from papin._registry import Read, Registry, Write
from papin.events import Envelope, Event

T = TypeVar("T")


class Publishes(Protocol):
    """What jobs need of the bus."""

    def publish(self, event: Event) -> None:
        """Publish an event that is not journalled."""
        ...

    def publish_envelope(self, envelope: Envelope) -> None:
        """Publish a journalled event."""
        ...


class Ledger:
    """What is recorded of jobs. A change that has begun is not abandoned: cancelling waits for it."""

    def __init__(self, registry: Registry, bus: Publishes) -> None:
        self._registry = registry
        self._bus = bus
        self._threads = trio.CapacityLimiter(4)

    def publish(self, event: Event) -> None:
        """Publish an event that is not journalled."""
        self._bus.publish(event)

    async def read(self, ask: Callable[[Read], T]) -> T:
        """Return what `ask` finds."""
        return await trio.to_thread.run_sync(ask, self._registry.read, limiter=self._threads)

    async def change(self, apply: Callable[[Write], T], *, durable: bool = True) -> T:
        """Run `apply` in one transaction; one that is not `durable` may be lost in a power cut."""
        change = partial(self._registry.change, apply, durable=durable)
        result, envelopes = await trio.to_thread.run_sync(change, limiter=self._threads)
        for envelope in envelopes:
            self._bus.publish_envelope(envelope)
        return result
