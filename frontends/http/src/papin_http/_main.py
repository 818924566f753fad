"""`papin serve`: opens the kernel and serves until it is told to stop."""

from __future__ import annotations

import signal
import socket
from contextlib import closing
from functools import partial
from pathlib import Path

import trio

from papin import config as configuration
from papin.config import Config
from papin.frontends import Launch
from papin.kernel import Kernel, open_kernel
from papin_http import _app, _arguments, _serve, _token
from papin_http._arguments import Asked
from papin_http._guard import Guard
from papin_http.settings import HttpSettings

__all__ = ["main"]

_INTERRUPTED = 130


class _Stop:
    """The signals: the first one stops the server, and one more, or one before it serves, ends everything at once."""

    def __init__(self) -> None:
        self.asked = trio.Event()
        self.number = 0
        self.is_serving = False

    async def listen(
        self, everything: trio.CancelScope, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Wait for signals."""
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as numbers:
            task_status.started()
            async for number in numbers:
                if self.asked.is_set() or not self.is_serving:
                    everything.cancel()
                self.number = self.number or number
                self.asked.set()


def _announce(address: str, token_file: Path) -> None:
    print(f"papin is serving at {address}")  # noqa: T201  # this is what the command shows
    print(f"The token that clients need is in {token_file}")  # noqa: T201  # as above
    print("Ctrl-C ends it.", flush=True)  # noqa: T201  # as above


async def _serve_kernel(kernel: Kernel, asked: Asked, listener: socket.socket, stop: _Stop) -> None:
    port = listener.getsockname()[1]
    file, token = await trio.to_thread.run_sync(_token.read_or_make, kernel.folders("http").data)
    guard = Guard(
        _app.build(kernel, stop.asked),
        token=token,
        hosts=_serve.hosts(asked.host, port, asked.names),
        is_remote=asked.is_remote,
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(_serve.serve, guard, listener, stopping=stop.asked))
        stop.is_serving = True
        _announce(f"http://{_serve.literal(asked.host)}:{port}", file)


async def _run(config: Config, asked: Asked) -> int:
    stop = _Stop()
    with closing(_serve.listen(asked.host, asked.port)) as listener:
        async with trio.open_nursery() as nursery:
            await nursery.start(stop.listen, nursery.cancel_scope)
            async with open_kernel(config, offline=asked.offline) as kernel, trio.open_nursery() as background:
                background.start_soon(kernel.catalogs.keep_fresh)
                background.start_soon(kernel.storage.keep_read)
                await _serve_kernel(kernel, asked, listener, stop)
                background.cancel_scope.cancel()
            nursery.cancel_scope.cancel()
    return _INTERRUPTED if stop.number == signal.SIGINT else 0


def main(launch: Launch) -> int:
    """Serve until a signal comes; return the exit status."""
    try:
        config = configuration.load()
        asked = _arguments.read(launch, config.table("frontends", "http", HttpSettings))
        return trio.run(_run, config, asked)
    except KeyboardInterrupt:
        return _INTERRUPTED
