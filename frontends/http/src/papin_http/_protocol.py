"""Hypercorn's server of one connection, made to speak HTTP/1.1 only."""

from __future__ import annotations

import h11
from hypercorn.events import Event, Updated
from hypercorn.protocol import ProtocolWrapper
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.tcp_server import TCPServer

__all__ = ["Http11Server"]


class _Http11(H11Protocol):
    """HTTP/1.1 in which an offer to change to HTTP/2 is just a header that nobody reads, as the standard allows."""

    async def _check_protocol(self, event: h11.Request) -> None:  # noqa: ARG002  # the parent names it
        return


class Http11Server(TCPServer):
    """Serves one connection, and is done with it when the client is.

    No byte of a client reaches the HTTP/2 machinery, which nobody needs on one machine.
    """

    _has_left = False

    @property  # type: ignore[override]  # what Hypercorn calls on it is the same
    def protocol(self) -> _Http11:
        """What understands the bytes of this connection."""
        return self._http11

    @protocol.setter
    def protocol(self, made: ProtocolWrapper) -> None:
        self._http11 = _Http11(
            made.app,
            made.config,
            made.context,
            made.task_group,
            made.state,
            made.ssl,
            made.client,
            made.server,
            made.send,
        )

    async def _read_data(self) -> None:
        await super()._read_data()
        self._has_left = True
        await self.idle_task.stop()

    async def protocol_send(self, event: Event) -> None:
        """Do what the protocol asks for; nobody waits for another request of a client that has left."""
        await super().protocol_send(event)
        if self._has_left and isinstance(event, Updated):
            await self.idle_task.stop()
