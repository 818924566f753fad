"""The line of downloads that wait for one of a few places, across processes. The system frees what a dead one held.

Each place is a lock, and so is each ticket of those who wait; the name of a ticket begins with the time of its job, so
that the oldest is first. Who waits holds its ticket, and waits for the lock of the ticket before its own: that one
went in, gave up, or died. The first waits for whichever place becomes free. Nobody polls.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import trio

from papin import locks
from papin._jobs import folder_errors
from papin.models import Job
from papin.names import place


class Line:
    """`places` downloads at a time; those of this user that use the folder `run` stand in one line."""

    def __init__(self, run: Path, places: int) -> None:
        self._folder = place(run, "line")
        self._places = [place(run, "line", f"place-{number}.lock") for number in range(places)]

    @asynccontextmanager
    async def stand(self, job: Job, on_wait: Callable[[], None]) -> AsyncIterator[None]:
        """Hold a place for `job`; `on_wait` is called if it has to be waited for.

        Raises:
            StorageFailed: the folder for the locks cannot be used.
        """
        async with AsyncExitStack() as stack:
            with folder_errors(self._folder):
                await trio.to_thread.run_sync(lambda: self._folder.mkdir(mode=0o700, parents=True, exist_ok=True))
                await self._enter(stack, job, on_wait)
            yield

    async def _enter(self, stack: AsyncExitStack, job: Job, on_wait: Callable[[], None]) -> None:
        began = int(job.created_at.timestamp() * 1_000_000)
        ticket = place(self._folder, f"ticket-{began:020d}-{job.id}.lock")
        async with locks.hold(ticket):
            try:
                while ahead := await trio.to_thread.run_sync(self._ahead, ticket):
                    on_wait()
                    async with locks.hold(ahead):
                        ahead.unlink(missing_ok=True)
                await stack.enter_async_context(locks.hold_any(self._places, on_wait))
            finally:
                ticket.unlink(missing_ok=True)

    def _ahead(self, ticket: Path) -> Path | None:
        return max((each for each in self._folder.glob("ticket-*.lock") if each.name < ticket.name), default=None)
