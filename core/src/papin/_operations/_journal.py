"""The journal: what happened, from any process, from any number on."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import trio

from papin._jobs import Ledger
from papin._registry import Follower
from papin.events import Envelope

_PAGE = 1000


class Wakeups:
    """Waits for changes that any process commits. For one task; close it in the end."""

    def __init__(self, run: Path) -> None:
        self._follower = Follower(run)

    async def wait(self) -> None:
        """Return when something was committed since the last call."""
        await trio.lowlevel.wait_readable(self._follower.fileno())
        self._follower.drain()

    def close(self) -> None:
        """Stop listening."""
        trio.lowlevel.notify_closing(self._follower.fileno())
        self._follower.close()


class Journal:
    """Reads the journal and follows it."""

    def __init__(self, records: Ledger, run: Path) -> None:
        self._records = records
        self._run = run

    async def events(self, since: int = 0, limit: int = _PAGE) -> list[Envelope]:
        """Return at most `limit` events with a sequence number above `since`, in order."""
        return await self._records.read(lambda read: read.events(since, limit))

    async def last_seq(self) -> int:
        """Return the sequence number of the last event, 0 when there is none."""
        return await self._records.read(lambda read: read.last_seq())

    async def follow(self, since: int | None = None) -> AsyncGenerator[Envelope]:
        """Yield every event after `since` (None: from now on), whichever process causes it, for ever.

        Close it with `aclosing`, as every async generator.
        """
        wakeups = Wakeups(self._run)
        try:
            seen = await self.last_seq() if since is None else since
            while True:
                page = await self.events(seen)
                for envelope in page:
                    seen = envelope.seq or seen
                    yield envelope
                if not page:
                    await wakeups.wait()
        finally:
            wakeups.close()
