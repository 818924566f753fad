"""Requests for parts of a file, and what their answers mean."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

import trio

from papin._transfers._judge import Position, Verdict, judge
from papin._transfers._mirrors import Mirrors
from papin._transfers._retry import retry_after
from papin.errors import LoginRequired, TransferFailed
from papin.models import HttpSource

if TYPE_CHECKING:
    from papin.http import StreamedResponse


class Asker:
    """Asks the present mirror.

    `asked` is how many seconds it wanted us to wait when it refused the last time, `waited` for how long the last
    answer was waited for.
    """

    def __init__(self, mirrors: Mirrors) -> None:
        self._mirrors = mirrors
        self._answered: set[str] = set()
        self.asked: float | None = None
        self.waited = 0.0

    @asynccontextmanager
    async def ask(
        self, position: Position, source: HttpSource | None = None
    ) -> AsyncIterator[tuple[StreamedResponse, Verdict]]:
        """Ask for what `position` says, from the present mirror or from `source`; give the answer and what it means.

        Always at the first address: one that was signed for a while is signed anew by that.

        Raises:
            TransferFailed, NotFound: it is a refusal, or makes no sense.
        """
        source = source or self._mirrors.present
        client = await self._mirrors.client(source)
        self.asked = None
        began = trio.current_time()
        async with client.stream("GET", source.url, headers=position.headers()) as answer:
            self.waited = trio.current_time() - began
            verdict = judge(answer.status, answer.headers, position, answer.where)
            if verdict is None:
                raise self._refusal(answer, source.url)
            if answer.is_success:
                self._answered.add(source.url)
            yield answer, verdict

    def _refusal(self, answer: StreamedResponse, url: str) -> TransferFailed:
        self.asked = retry_after(answer.headers)
        try:
            answer.raise_for_status()
        except LoginRequired as error:
            # A signed address that expired on the way: asking the first address again signs it anew.
            error.transient = url in self._answered and answer.hops > 0
            raise
        return TransferFailed(
            f"{answer.where} answered with status {answer.status}, which makes no sense for a file",
            next_step="Check the address.",
        )


def may_be_shared(answer: StreamedResponse) -> bool:
    """Tell whether the server says that parts may be asked for over several connections."""
    ranges = answer.headers.get("accept-ranges", "").strip().lower()
    return bool(answer.status == HTTPStatus.PARTIAL_CONTENT or ranges == "bytes")
