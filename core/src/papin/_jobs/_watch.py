"""What happens to jobs in other processes: wake-ups by their commits, and locks that their death frees."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

import trio

from papin import locks
from papin._registry import Follower
from papin.errors import Conflict, StorageFailed
from papin.names import place

_ENDING = 2.0  # seconds that the record of an end may take to be written


class Wakeups:
    """Tells who waits here that something was committed, in whichever process. Nobody polls."""

    def __init__(self, run: Path) -> None:
        self._run_folder = run
        self._next = trio.Event()

    @property
    def next(self) -> trio.Event:
        """What is set at the next commit: take it, then read the state, then wait for it."""
        return self._next

    def ring(self) -> None:
        """Wake those who wait here, though nothing was committed."""
        self._next.set()
        self._next = trio.Event()

    async def run(
        self, on_wakeup: Callable[[], Awaitable[None]], *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Follow the registry until cancelled."""
        follower = await trio.to_thread.run_sync(Follower, self._run_folder)
        try:
            task_status.started()
            while True:
                await _readable(follower)
                follower.drain()
                self.ring()
                await on_wakeup()
        finally:
            follower.close()


async def _readable(follower: Follower) -> None:
    if follower.fileno() >= 0:
        await trio.lowlevel.wait_readable(follower.fileno())
    else:  # a system without FIFOs
        await trio.to_thread.run_sync(follower.wait, abandon_on_cancel=True)


class JobLocks:
    """One lock file for each job that runs, in `<run>/jobs/`: the system frees it when its process dies."""

    def __init__(self, run: Path) -> None:
        self._folder = place(run, "jobs")

    async def make(self) -> None:
        """Make the folder. Raises `StorageFailed`, as all methods here."""
        with folder_errors(self._folder):
            await trio.to_thread.run_sync(lambda: self._folder.mkdir(mode=0o700, parents=True, exist_ok=True))

    def _path(self, job_id: str) -> Path:
        return place(self._folder, f"{job_id}.lock")

    @asynccontextmanager
    async def hold(self, job_id: str) -> AsyncIterator[None]:
        """Be the one who is at the job; one that is just ending is waited for.

        Raises:
            Conflict: somebody else is at it.
        """
        async with AsyncExitStack() as stack:
            with folder_errors(self._folder), trio.move_on_after(_ENDING) as scope:
                await stack.enter_async_context(locks.hold(self._path(job_id)))
            if scope.cancelled_caught:
                raise busy(job_id)
            yield

    async def is_free(self, job_id: str) -> bool:
        """Tell whether nobody is at the job."""
        with folder_errors(self._folder):
            return await trio.to_thread.run_sync(locks.is_free, self._path(job_id))

    async def drop(self, job_id: str) -> None:
        """Remove the lock file, which the caller holds; one that stays does no harm."""
        with suppress(OSError):
            await trio.to_thread.run_sync(lambda: self._path(job_id).unlink(missing_ok=True))

    async def wait_free(self, job_id: str) -> None:
        """Wait until nobody is at the job."""
        with folder_errors(self._folder):
            async with locks.hold(self._path(job_id)):
                await self.drop(job_id)


def busy(job_id: str) -> Conflict:
    """Return the error for a job that somebody is at."""
    return Conflict(f"The job {job_id} is being worked on", next_step="Wait for it, or cancel it first.")


@contextmanager
def folder_errors(folder: Path) -> Iterator[None]:
    """Turn an `OSError` about the locks in `folder` into `StorageFailed`."""
    try:
        yield
    except OSError as error:
        raise StorageFailed(
            f"the folder {folder} cannot be used: {error.strerror or error}",
            next_step="Look at its permissions and the space on its disk, or set PAPIN_HOME to another folder.",
        ) from error
