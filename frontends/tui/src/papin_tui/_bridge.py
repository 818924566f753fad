"""The kernel beside Textual: trio runs in a thread of its own, is asked from asyncio, and tells it what happens.

A download goes on at full speed while the screen is drawn, and the screen is drawn while the kernel works.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from functools import partial
from typing import Any, Generic, TypeVar

import trio

from papin.config import Config
from papin.errors import Cancelled, PapinError, expected
from papin.events import Event
from papin.kernel import Kernel, open_kernel

__all__ = ["Bridge", "open_bridge"]

T = TypeVar("T")


def _ignore(_: Event) -> None:
    """Hear what is told before anybody listens."""


class _Asked(Generic[T]):
    """One piece of work: it runs in the kernel's thread, and its answer is for the loop that asked."""

    def __init__(self, work: Callable[[Kernel], Awaitable[T]]) -> None:
        self._work = work
        self._loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[T] = self._loop.create_future()
        self.scope = trio.CancelScope()

    async def run(self, kernel: Kernel) -> None:
        """Do it, and post the answer however it ends; a bug propagates."""
        end = self.drop
        try:
            with self.scope:
                end = partial(self._post, None, await self._work(kernel))
        except (PapinError, BaseExceptionGroup) as error:
            known = expected(error)
            if known is None:
                raise
            end = partial(self._post, known)
        finally:
            end()

    def drop(self) -> None:
        """Answer that it is not done any more."""
        self._post(Cancelled("papin is ending"))

    def _post(self, error: PapinError | None, result: Any = None) -> None:
        self._loop.call_soon_threadsafe(self._settle, error, result)

    def _settle(self, error: PapinError | None, result: Any) -> None:
        if self.answer.done():
            return  # nobody waits for it any more
        if error is None:
            self.answer.set_result(result)
        else:
            self.answer.set_exception(error)


class Bridge:
    """A kernel in another thread. Everything but `run` is for the event loop that made it."""

    def __init__(self, kernel: Callable[[], AbstractAsyncContextManager[Kernel]]) -> None:
        self._open = kernel
        self._loop = asyncio.get_running_loop()
        self._kernel: Kernel
        self._nursery: trio.Nursery | None = None  # there while work is taken
        self._token: trio.lowlevel.TrioToken | None = None
        self._scope = trio.CancelScope()
        self._is_over = False
        self.ready: asyncio.Future[None] = self._loop.create_future()
        self.on_event: Callable[[Event], None] = _ignore

    # --- in the kernel's thread ---

    async def run(self) -> None:
        """Keep the kernel open until `stop`; to be run by trio in a thread of its own."""
        self._token = trio.lowlevel.current_trio_token()
        if self._is_over:
            return
        with self._scope:
            async with self._open() as self._kernel, trio.open_nursery() as nursery:
                nursery.start_soon(self._kernel.catalogs.keep_fresh)
                nursery.start_soon(self._kernel.storage.keep_read)
                # Who asks something at once hears what that caused, so it is listened to before.
                await nursery.start(self._passing)
                nursery.start_soon(self._recorded, await self._kernel.journal.last_seq())
                self._nursery = nursery
                self._loop.call_soon_threadsafe(self.ready.set_result, None)
                try:
                    await trio.sleep_forever()
                finally:
                    self._nursery = None

    async def _recorded(self, since: int) -> None:
        async with aclosing(self._kernel.journal.follow(since)) as envelopes:
            async for envelope in envelopes:
                self._tell(envelope.event)

    async def _passing(self, task_status: trio.TaskStatus[None]) -> None:
        with self._kernel.bus.subscribe() as frames:
            task_status.started()
            async for frame in frames:
                if frame.envelope.seq is None:
                    self._tell(frame.envelope.event)

    def _tell(self, event: Event) -> None:
        self._loop.call_soon_threadsafe(lambda: self.on_event(event))

    def _begin(self, asked: _Asked[Any]) -> None:
        if self._nursery is None:
            asked.drop()
        else:
            self._nursery.start_soon(asked.run, self._kernel)

    # --- in the loop's thread ---

    async def ask(self, work: Callable[[Kernel], Awaitable[T]]) -> T:
        """Return `await work(kernel)`, which runs in the kernel's thread; cancelling this cancels it.

        Raises:
            PapinError: what `work` raised.
            Cancelled: the kernel was closed meanwhile.
        """
        asked = _Asked(work)
        if not self._soon(partial(self._begin, asked)):
            asked.drop()
        try:
            return await asked.answer
        except asyncio.CancelledError:
            self._soon(asked.scope.cancel)
            raise

    def told(self, listen: Callable[[T], None]) -> Callable[[T], None]:
        """Return what the kernel's thread may call for `listen`, which is then called in this one, in order."""

        def tell(value: T) -> None:
            self._loop.call_soon_threadsafe(listen, value)

        return tell

    def stop(self) -> None:
        """Ask the kernel to close; everything that is being asked is cancelled."""
        self._is_over = True
        self._soon(self._scope.cancel)

    def _soon(self, act: Callable[[], object]) -> bool:
        """Have the kernel's thread call `act`; tell whether it still does such things."""
        try:
            if self._token is not None:
                self._token.run_sync_soon(act)
        except trio.RunFinishedError:
            return False
        return self._token is not None


@asynccontextmanager
async def open_bridge(
    config: Config, *, offline: bool | None = None
) -> AsyncIterator[tuple[Bridge, asyncio.Task[None]]]:
    """Open a kernel in a thread of its own; also give the task that is done when that thread ended, early or not.

    Raises:
        PapinError: the kernel cannot be opened, or what ended it.
    """
    bridge = Bridge(partial(open_kernel, config, offline=offline))
    thread = asyncio.create_task(asyncio.to_thread(trio.run, bridge.run))
    try:
        await asyncio.wait([bridge.ready, thread], return_when=asyncio.FIRST_COMPLETED)
        if bridge.ready.done():
            yield bridge, thread
    finally:
        bridge.stop()
        await thread
