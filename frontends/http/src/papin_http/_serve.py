"""Runs an ASGI application on Hypercorn's trio worker, on sockets of our own."""

from __future__ import annotations

import errno
import logging
import socket
from functools import partial
from typing import Any

import h11
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState

from papin.errors import ConfigInvalid, Conflict
from papin_http._connections import Connection, Connections
from papin_http._protocol import Http11Server

__all__ = ["hosts", "listen", "literal", "serve"]

GRACE_SECONDS = 1.0
"""For so long answers may go on after the server was asked to stop."""

_BACKLOG = 128
_log = logging.getLogger("papin.http")

_PROTOCOL_BUGS = (AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError, h11.ProtocolError)
"""What a client's bytes might bring about in the protocol code; it ends that client's connection and no other."""


def literal(host: str) -> str:
    """Return the address `host` as it is written in a URL."""
    return f"[{host}]" if ":" in host else host


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens at the address `host`; port 0 takes a free one.

    Raises:
        Conflict: another program has the port.
        ConfigInvalid: this machine cannot listen there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise Conflict(
                f"Another program listens on port {port} of {host}.",
                next_step="Type `papin serve --port 0` for a free port, or end the other program.",
            ) from error
        raise ConfigInvalid(
            f"papin cannot listen on port {port} of {host}: {error.strerror}.",
            next_step="Type `papin serve --port 0` for a free port of this machine.",
        ) from error
    listener.setblocking(False)
    return listener


def hosts(host: str, port: int, names: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the exact `Host` values for a server at `host` and `port` that is also reached by `names`."""
    known = dict.fromkeys(["localhost", "127.0.0.1", "[::1]", literal(host), *names])
    bare = tuple(known) if port == 80 else ()  # noqa: PLR2004  # the port that clients leave out
    return (*(f"{name}:{port}" for name in known), *bare)


def _config() -> Config:
    config = Config()
    config.errorlog = logging.getLogger("papin.http")
    config.accesslog = None
    config.include_server_header = False
    config.h11_max_incomplete_size = 16 << 10
    config.keep_alive_timeout = 10
    config.websocket_max_message_size = 1 << 10
    return config


async def serve(
    app: Any,
    listener: socket.socket,
    *,
    stopping: trio.Event,
    grace_seconds: float = GRACE_SECONDS,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `app` until `stopping` is set; open answers get `grace_seconds` to end, then every connection is closed."""
    context = WorkerContext(None)
    connections = Connections()
    wrapped, config = ASGIWrapper(app), _config()

    async def answer(connection: Connection) -> None:
        try:
            await Http11Server(wrapped, config, context, ConnectionState({}), connection)  # type: ignore[arg-type]
        except* _PROTOCOL_BUGS as errors:
            _log.error("a connection ended unexpectedly", exc_info=errors)

    async with trio.open_nursery() as clients, trio.open_nursery() as acceptor:
        listeners = [trio.SocketListener(trio.socket.from_stdlib_socket(listener))]
        accept = partial(trio.serve_listeners, handler_nursery=clients)
        await acceptor.start(accept, partial(connections.hold, serve=answer), listeners)
        task_status.started()
        await stopping.wait()
        acceptor.cancel_scope.cancel()
        await context.terminated.set()
        with trio.move_on_after(grace_seconds):
            await connections.wait_none()
        connections.abort_all()
        clients.cancel_scope.cancel()
