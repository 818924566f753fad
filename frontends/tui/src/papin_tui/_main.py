"""`papin tui`: opens the kernel, draws until the person leaves, and returns the exit status."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from papin import config as configuration
from papin.config import Config
from papin.errors import ConfigInvalid
from papin.frontends import Launch
from papin_tui._app import PapinApp
from papin_tui._bridge import open_bridge

__all__ = ["main"]

_INTERRUPTED = 130


def main(launch: Launch) -> int:
    """Draw until the person leaves; return the exit status."""
    asked = _read(launch)
    try:
        _check_terminal()
        return asyncio.run(_run(configuration.load(), offline=True if asked.offline else None))
    except KeyboardInterrupt:
        return _INTERRUPTED


def _read(launch: Launch) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=f"{launch.program} tui", description="papin in the whole terminal; `q` leaves, `F1` shows the keys."
    )
    parser.add_argument("--offline", action="store_true", help="never use the network")
    return parser.parse_args(launch.arguments)


def _check_terminal() -> None:
    # Textual reads from stdin and draws on stderr.
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty()):
        raise ConfigInvalid("papin tui needs a terminal", next_step="papin models list --json is for programs.")


async def _run(config: Config, *, offline: bool | None) -> int:
    # The kernel is opened before the screen is taken, so that what is wrong with it is told where it stays.
    async with open_bridge(config, offline=offline) as (bridge, thread):
        app = PapinApp(bridge)
        thread.add_done_callback(lambda _: app.exit())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, app.exit)
        await app.run_async()
    return app.return_code or 0
