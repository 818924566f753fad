"""The host's watch on its own engine: ends it when it is asked to, idle for too long, or when its files vanish."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import time
from typing import NoReturn

from papin_llamacpp._idle import Idleness
from papin_llamacpp._records import Engines
from papin_llamacpp._server import Server, activity
from papin_llamacpp._spec import Spec

__all__ = ["Watch"]

_LOG_LIMIT = 1 << 20
_LOG_KEPT = 64 << 10


class Watch:
    """Looks at the server from time to time; `run` does not return."""

    def __init__(self, engines: Engines, spec: Spec, server: Server, key: str) -> None:
        self._engines = engines
        self._spec = spec
        self._server = server
        self._key = key
        self._idleness = Idleness(spec.keep_alive, time.monotonic())
        self._marked = 0

    def run(self) -> NoReturn:
        """Watch until it is over, then end this process."""
        woken = self._wake_on_signals()
        while True:
            if select.select([woken], [], [], self._idleness.period)[0] and signal.SIGTERM in os.read(woken, 64):
                self._end("asked")
            self._look()

    def _wake_on_signals(self) -> int:
        """Return a descriptor that has something to read when this process is to end or its child ended."""
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: None)
        return woken

    def _look(self) -> None:
        if self._server.has_ended():
            self._end("")
        self._read_mark()
        seen = activity(self._server.address, self._key, patience=5)
        if self._idleness.saw(seen, time.monotonic()):
            self._engines.touch(self._spec.engine)
            self._read_mark(ours=True)
        self._trim_log()
        if self._idleness.expired(time.monotonic()):
            self._end_unless_wanted()

    def _read_mark(self, *, ours: bool = False) -> bool:
        """Take in a new mark of use; return whether there was one. Without its files an engine ends."""
        used = self._engines.used(self._spec.engine)
        if used is None or not self._engines.path(self._spec.engine, ".json").exists():
            self._end("")
        is_new = used[0] != self._marked
        self._marked = used[0]
        if is_new and not ours:
            self._idleness.wanted(used[1], time.monotonic())
        return is_new

    def _end_unless_wanted(self) -> None:
        # Whoever loads this model holds the lock while it looks for an engine, so none is found that is about to end.
        fd = os.open(self._engines.loading_lock(self._spec.model), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not self._read_mark():
                self._end("idle")
        except BlockingIOError:
            return
        finally:
            os.close(fd)

    def _end(self, reason: str) -> NoReturn:
        """Give everything back; the reason stays in the lock file for those who wait for it to become free."""
        self._server.stop()
        os.pwrite(self._spec.lock_fd, reason.encode(), 0)
        self._engines.forget(self._spec.engine)
        os._exit(0)  # the native threads need no farewell, and the system is quicker

    def _trim_log(self) -> None:
        if os.fstat(2).st_size <= _LOG_LIMIT:
            return
        with self._engines.path(self._spec.engine, ".log").open("rb") as log:
            log.seek(-_LOG_KEPT, os.SEEK_END)
            kept = log.read()
        os.ftruncate(2, 0)
        os.write(2, kept)  # it was opened for appending
