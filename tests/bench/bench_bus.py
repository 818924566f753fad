"""How many events a second the bus delivers: `python tests/bench/bench_bus.py [events] [subscribers]`."""

from __future__ import annotations

import sys
import time

import trio

from papin._bus import Bus, Subscription
from papin.events import DownloadProgressed
from papin.models import Progress

BATCH = 48


async def deliver(events: int, subscribers: int, *, slow: int = 0, as_bytes: bool = False) -> tuple[float, int]:
    """Publish `events` to so many readers, and to `slow` ones that never read; return seconds and deliveries."""
    bus = Bus()
    event = DownloadProgressed(job="bench", progress=Progress(phase="downloading", done=1, total=2))

    async def read(subscription: Subscription) -> None:
        async for frame in subscription:
            if as_bytes:
                len(frame.data)

    with trio.CancelScope():
        async with trio.open_nursery() as nursery:
            readers = [bus.subscribe() for _ in range(subscribers)]
            idle = [bus.subscribe() for _ in range(slow)]
            for reader in (*readers, *idle):
                reader.__enter__()
            for reader in readers:
                nursery.start_soon(read, reader)
            started = time.perf_counter()
            for number in range(events):
                bus.publish(event)
                if number % BATCH == 0:
                    await trio.lowlevel.checkpoint()
            bus.close()
        took = time.perf_counter() - started
    return took, sum(reader.delivered for reader in readers)


def main() -> None:
    """Print a line for each arrangement."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    subscribers = int(sys.argv[2]) if len(sys.argv) > 2 else 8
    for slow, as_bytes in ((0, False), (0, True), (8, False)):
        took, delivered = trio.run(lambda s=slow, b=as_bytes: deliver(events, subscribers, slow=s, as_bytes=b))
        what = f"{subscribers} readers, {slow} that never read, {'bytes' if as_bytes else 'events'}"
        print(
            f"{what}: {delivered / took:,.0f} deliveries/s, {took / events * 1e6:.2f} us an event, {delivered} of {events * subscribers}"
        )


if __name__ == "__main__":
    main()
