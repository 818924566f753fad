"""The journal: what happened, from any process, from any number on."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from papin._jobs import Ledger, Wakeups
from papin.events import Envelope

_PAGE = 1000


class Journal:
    """Reads the journal and follows it."""

    def __init__(self, records: Ledger, wakeups: Wakeups) -> None:
        self._records = records
        self._wakeups = wakeups

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
        seen = await self.last_seq() if since is None else since
        while True:
            changed = self._wakeups.next
            page = await self.events(seen)
            for envelope in page:
                seen = envelope.seq or seen
                yield envelope
            if not page:
                await changed.wait()
