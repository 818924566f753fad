"""What happens, as server-sent events: resumed from any number of the journal, with live progress in between."""

from __future__ import annotations

from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import trio
from litestar import Router, get
from litestar.exceptions import ClientException
from litestar.params import QueryParameter
from litestar.types import ASGIApp

from papin import events
from papin_http._core import PROBLEMS, Asked, kernel_of, stopping_of
from papin_http._streams import SSE, Streamed, Writer, sse

if TYPE_CHECKING:
    from papin.kernel import Kernel

__all__ = ["router"]

_HEARTBEAT = b": still here\n\n"
_HEARTBEAT_SECONDS = 15
_LARGEST = (1 << 63) - 1
_RETRY_MS = 1000

Pieces = trio.MemorySendChannel[bytes]
Since = Annotated[int | None, QueryParameter(ge=0, le=_LARGEST, required=False)]


def _resumed(request: Asked, since: int | None) -> int | None:
    """Return the number after which to begin: what the client saw last, else what it asked for."""
    seen = request.headers.get("last-event-id", "")
    if not seen:
        return since
    if not (seen.isascii() and seen.isdigit() and len(seen) < 20 and int(seen) <= _LARGEST):  # noqa: PLR2004  # digits
        raise ClientException("Last-Event-ID must be a number that this stream gave.")
    return int(seen)


async def _recorded(kernel: Kernel, since: int, pieces: Pieces) -> None:
    """Pass on the journal from `since`. It is read as fast as the client takes it, so nothing of it is ever lost."""
    async with aclosing(kernel.journal.follow(since)) as recorded:
        async for envelope in recorded:
            await pieces.send(sse(events.encode(envelope), envelope.seq))


async def _passing(kernel: Kernel, pieces: Pieces, task_status: trio.TaskStatus[None]) -> None:
    """Pass on what is not recorded: progress, and how much of it a client that is too slow has missed."""
    with kernel.bus.subscribe() as frames:
        task_status.started()
        async for frame in frames:
            if frame.envelope.seq is None:
                await pieces.send(sse(frame.data))


async def _begin(kernel: Kernel, since: int | None, writer: Writer) -> int:
    """Start the stream, and return the number after which it goes on.

    A number that was never given is from a journal that is no more: its reader is told to read the state again.
    """
    last = await kernel.journal.last_seq()
    start = last if since is None else min(since, last)
    await writer.write(b"retry: %d\nid: %d\n\n" % (_RETRY_MS, start))
    if since is not None and since > last:
        lost = events.Envelope(at=datetime.now(UTC), event=events.Lagged(missed=since - last))
        await writer.write(sse(events.encode(lost)))
    return start


async def _pump(kernel: Kernel, since: int | None, writer: Writer) -> None:
    into, out = trio.open_memory_channel[bytes](0)
    async with trio.open_nursery() as nursery:
        await nursery.start(_passing, kernel, into)  # who got the first bytes misses nothing any more
        start = await _begin(kernel, since, writer)
        nursery.start_soon(_recorded, kernel, start, into)
        while True:
            piece = _HEARTBEAT
            with trio.move_on_after(_HEARTBEAT_SECONDS):
                piece = await out.receive()
            await writer.write(piece)


@get("/events", operation_id="followEvents", responses=PROBLEMS, media_type=SSE)
async def follow(request: Asked, since: Since = None) -> ASGIApp:
    """Follow what happens, as server-sent events whose data is `{"seq": ..., "at": ..., "event": {"type": ...}}`.

    Recorded events carry their number as `id`; begin after one with `Last-Event-ID` or `since`, and none is lost.
    Without either, the stream begins now. Progress has no number and is not repeated.
    """
    kernel = kernel_of(request)
    first = _resumed(request, since)

    async def produce(writer: Writer) -> None:
        await _pump(kernel, first, writer)

    return Streamed(SSE, produce, stopping_of(request))


router = Router(path="/", route_handlers=[follow], tags=["events"])
