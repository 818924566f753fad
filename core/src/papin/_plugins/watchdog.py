"""Notices that the event loop stands still, and names the plugin whose code it stands in.

Nothing can stop such code; but everything else of this papin waits for it, and whoever looks for the reason must find
it. So it is logged at once, and told as an event and in `papin plugins list` as soon as the loop goes on.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Container
from contextlib import suppress
from types import FrameType

import trio

from papin._plugins.found import Plugins, failure
from papin._plugins.installed import EntryPoint
from papin.events import PluginProblem

__all__ = ["LONGEST_STEP", "Pulse", "culprit", "watch_loop"]

LONGEST_STEP = 5.0
"""Seconds that a step of the event loop may take: a busy machine may need some of them for an honest one."""

_BETWEEN_LOOKS = 1.0
_OURS = __name__.partition(".")[0]

_log = logging.getLogger("papin.plugins")


class Pulse(trio.abc.Instrument):
    """Whether the event loop goes on. The loop itself writes it; a thread may look at any time."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._waits = False
        self._steps = 0
        self._seen = (0, 0.0)
        self._is_told = False

    def before_io_wait(self, timeout: float) -> None:
        """Note that every task waits."""
        del timeout
        self._waits = True

    def after_io_wait(self, timeout: float) -> None:
        """Note that a step of the loop begins."""
        del timeout
        self._steps += 1
        self._waits = False

    def blocked_since(self, now: float) -> float | None:
        """Return when the step was first seen that takes too long, once for each such step; else None."""
        seen, since = self._seen
        if self._waits or self._steps != seen:
            self._seen, self._is_told = (self._steps, now), False
        elif not self._is_told and now - since >= self._longest:
            self._is_told = True
            return since
        return None


def culprit(frame: FrameType | None, packages: Container[str]) -> tuple[str, str]:
    """Return which of `packages` the innermost frame of any of them is in, with its place; nothing if there is none.

    The innermost decides: a plugin that awaits papin is not to blame for what papin does.
    """
    while frame is not None:
        module: str = frame.f_globals.get("__name__") or ""
        package = module.partition(".")[0]
        if package in packages:
            return package, f"{module}, line {frame.f_lineno}, in {frame.f_code.co_qualname}"
        frame = frame.f_back
    return "", ""


async def watch_loop(plugins: Plugins, publish: Callable[[PluginProblem], None]) -> None:
    """Watch this event loop until cancelled; `publish` is called in it, with what plugins did to it."""
    pulse, stopped = Pulse(LONGEST_STEP), threading.Event()
    watcher = _Watcher(plugins, publish)

    def watch() -> None:
        while not stopped.wait(min(_BETWEEN_LOOKS, LONGEST_STEP)):
            since = pulse.blocked_since(time.monotonic())
            if since is not None:
                watcher.note(since)

    trio.lowlevel.add_instrument(pulse)
    threading.Thread(target=watch, name="papin watchdog", daemon=True).start()
    try:
        await trio.sleep_forever()
    finally:
        stopped.set()
        trio.lowlevel.remove_instrument(pulse)


class _Watcher:
    def __init__(self, plugins: Plugins, publish: Callable[[PluginProblem], None]) -> None:
        self._plugins = plugins
        self._publish = publish
        self._packages = plugins.packages()
        self._token = trio.lowlevel.current_trio_token()
        self._thread = threading.get_ident()
        self._listed: set[EntryPoint] = set()

    def note(self, since: float) -> None:
        """Tell that the loop stands still since then; called from the watching thread."""
        frame = sys._current_frames().get(self._thread)  # noqa: SLF001  it is documented
        package, place = culprit(frame, {_OURS, *self._packages})
        if package == _OURS:
            _log.warning("papin stands still in %s", place)
        if package not in self._packages:
            return
        entry, is_frontend = self._packages[package]
        # A frontend owns the loop: it may wait in it for whoever reads what it prints.
        if is_frontend:
            return
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._tell, entry, place, since)
        what = (entry.name, entry.distribution, entry.version, place)
        _log.warning("papin stands still in plugin %s (%s %s): %s", *what)

    def _tell(self, entry: EntryPoint, place: str, since: float) -> None:
        what = f"let all of papin wait for {time.monotonic() - since:.0f} s, in {place}"
        error = failure(entry, what)
        if entry not in self._listed:
            self._listed.add(entry)
            self._plugins.remember(entry, error)
        self._publish(PluginProblem(plugin=entry.name, problem=error.problem()))
