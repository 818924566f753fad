"""Parts of a file that a server has, asked for one after the other."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from papin._transfers._asker import Asker
from papin._transfers._here import UnfitError
from papin._transfers._hosts import Hosts
from papin._transfers._judge import Body, Position, strong_etag
from papin._transfers._notes import Entity
from papin._transfers._pace import Pace
from papin._transfers._retry import Retries
from papin.errors import TransferFailed
from papin.models import HttpSource, WantedFile


class Parts:
    """Gets parts of a file from one of its addresses. `etag` is the strong validator there, once something came."""

    def __init__(
        self,
        wanted: WantedFile,
        asker: Asker,
        source: HttpSource,
        *,
        pace: Pace | None = None,
        hosts: Hosts | None = None,
        retries: Retries | None = None,
    ) -> None:
        self._size = wanted.size
        self._asker = asker
        self._source = source
        self._pace = pace or Pace()
        self._hosts = hosts or Hosts()
        self._retries = retries or Retries()
        self._filled = 0
        self.etag = ""

    async def get(self, start: int, stop: int, show: Callable[[int], None] = lambda _: None) -> bytearray:
        """Return the bytes from `start` up to `stop`; `show` is told how many have come.

        Raises:
            UnfitError: it does not give parts of files.
            TransferFailed, NotFound: it gives nothing.
        """
        data = bytearray(stop - start)
        self._filled = 0
        while self._filled < len(data):
            before = self._filled
            try:
                await self._attempt(start, memoryview(data), show)
            except TransferFailed as error:
                await self._retries.wait(error, progressed=self._filled > before, asked=self._asker.asked)
        return data

    async def _attempt(self, start: int, view: memoryview, show: Callable[[int], None]) -> None:
        offset, stop = start + self._filled, start + len(view)
        entity = Entity(total=self._size)
        position = Position(offset=offset, stop=stop, entity=entity, size=self._size, is_pinned=True)
        host = urlsplit(self._source.url).netloc
        async with self._hosts.one(host), self._asker.ask(position, self._source) as (answer, verdict):
            if not isinstance(verdict, Body) or verdict.start != offset:
                raise UnfitError
            self.etag = strong_etag(answer.headers) or ""
            while self._filled < len(view):
                count = await answer.receive_into(view[self._filled :][: self._pace.piece])
                if not count:
                    error = TransferFailed(f"{answer.where} ended too early", next_step="Run the same command again.")
                    error.transient = True
                    raise error
                self._filled += count
                await self._pace.take(count)
                show(self._filled)
