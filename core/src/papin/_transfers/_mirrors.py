"""The addresses that one file may come from, and what became of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from math import inf
from typing import TYPE_CHECKING

from papin.errors import NotFound, PapinError, TooManyRequests
from papin.http import Http, Patience
from papin.models import HttpSource

if TYPE_CHECKING:
    from papin.http import Client

PATIENCE = Patience(header=60.0, silence=30.0, rate=1024, window=30.0)

_log = logging.getLogger("papin.transfers")


class Mirrors:
    """Goes through `sources` in their order: the present one is used until it is blamed."""

    def __init__(self, sources: Sequence[HttpSource], http: Http, stack: AsyncExitStack) -> None:
        self._left = list(sources)
        self._http = http
        self._stack = stack
        self._clients: dict[HttpSource, Client] = {}
        self.blamed: list[tuple[HttpSource, PapinError]] = []

    @property
    def present(self) -> HttpSource:
        """The one in use."""
        return self._left[0]

    @property
    def others(self) -> Sequence[HttpSource]:
        """Those that were not used yet."""
        return self._left[1:]

    async def client(self, source: HttpSource) -> Client:
        """Return the client for a source; only the host that its user typed may be a private one."""
        if source not in self._clients:
            base = source.url if source.user_named else ""
            self._clients[source] = await self._stack.enter_async_context(self._http.client(base, patience=PATIENCE))
        return self._clients[source]

    def blame(self, source: HttpSource, error: PapinError) -> None:
        """Drop a source because of `error`.

        Raises:
            PapinError: there is no other one; it also tells what was wrong with those before.
        """
        self.note(source, error)
        if self._left == [source]:
            raise all_of([each for _, each in self.blamed])
        self._left.remove(source)

    def note(self, source: HttpSource, error: PapinError) -> None:
        """Remember what was wrong with a source; whoever wants the file is told by the result or the error."""
        self.blamed.append((source, error))
        _log.info("a source of a download was wrong: %s", error.message)


def all_of(errors: Sequence[PapinError], what: str = "this file") -> PapinError:
    """Return the last of `errors`, or the one that is over soonest; it also tells what else was wrong."""
    if not errors:
        return NotFound(f"no source is known for {what}", next_step="Give its address or its path.")
    last = min(errors, key=_over_in) if any(_over_in(each) < inf for each in errors) else errors[-1]
    if len(errors) == 1:
        return last
    before = "; ".join(each.message for each in errors if each is not last)
    made = type(last)(f"{last.message} (before that: {before})", next_step=last.next_step)
    made.__cause__ = last
    if isinstance(made, TooManyRequests) and isinstance(last, TooManyRequests):
        made.wait = last.wait
    return made


def _over_in(error: PapinError) -> float:
    return error.wait if isinstance(error, TooManyRequests) and error.wait is not None else inf
