"""The process that an engine lives in: `python -m papin_llamacpp.host`, with a `Spec` on stdin.

The first process is only the launcher: it forks the host, passes on the host's one line about how loading went, or
tells how the host died, and ends; so papin has no child to reap, and an engine has no parent to lose. The host loads
the model, serves it, and ends by itself when it is idle for too long or when its files vanish.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import msgspec

from papin_llamacpp._records import Engines, write_privately
from papin_llamacpp._server import Refused, Server, context_length
from papin_llamacpp._spec import Answer, Failed, Ready, Record, Spec
from papin_llamacpp._watch import Watch

__all__ = ["main"]


def main() -> int:
    """Be the launcher, and in the forked child the host; return the exit status."""
    spec = msgspec.json.decode(sys.stdin.buffer.read(), type=Spec)
    reader, writer = os.pipe()
    host = os.fork()
    if host == 0:
        os.close(reader)
        _leave_the_launcher()
        _Host(spec).run(writer)
    os.close(writer)
    os.close(spec.lock_fd)
    return _relay(reader, host)


def _relay(reader: int, host: int) -> int:
    watched = select.poll()
    watched.register(reader, select.POLLIN)
    watched.register(1, 0)  # which tells nothing but that nobody reads it any more
    ready = dict(watched.poll())
    if reader not in ready:
        os.kill(host, signal.SIGKILL)  # whoever asked is gone, and a load may take for ever
        return 1
    with os.fdopen(reader, "rb") as pipe:
        line = pipe.readline()
    if not line.endswith(b"\n"):
        status = os.waitstatus_to_exitcode(os.waitpid(host, 0)[1])
        line = msgspec.json.encode(Failed(how="crashed", status=status)) + b"\n"
    # Whoever asked may be gone now; the engine lives on for as long as it is kept.
    with contextlib.suppress(BrokenPipeError):
        os.write(1, line)
    return 0


def _leave_the_launcher() -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)  # both are the log


def _start(spec: Spec, key: str) -> Server:
    if spec.program:
        from papin_llamacpp import _program  # noqa: PLC0415  # only one of the two is needed

        return _program.start(spec, key)
    from papin_llamacpp import _embedded  # noqa: PLC0415  # only one of the two is needed

    return _embedded.start(spec, key)


class _Host:
    """The host of one engine."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._engines = Engines(Path(spec.run))

    def run(self, writer: int) -> NoReturn:
        """Load, tell, and serve until it is over."""
        key = secrets.token_urlsafe(32)
        try:
            server = _start(self._spec, key)
            record = self._record(server, key)
        except Refused as no:
            self._tell(writer, no.failed)
            sys.exit(0)
        self._tell(writer, Ready(record=record))
        Watch(self._engines, self._spec, server, key).run()

    def _tell(self, writer: int, answer: Answer) -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(writer, msgspec.json.encode(answer) + b"\n")
        os.close(writer)

    def _record(self, server: Server, key: str) -> Record:
        import psutil  # noqa: PLC0415  # the launcher has no need of it

        spec = self._spec
        record = Record(
            engine=spec.engine,
            model=spec.model,
            sha256=spec.sha256,
            path=spec.path,
            address=server.address,
            key=key,
            pid=os.getpid(),
            started=psutil.Process().create_time(),
            loaded_at=datetime.now(UTC),
            settings=spec.settings,
            n_ctx=context_length(server.address, key, otherwise=spec.settings.n_ctx),
            program=spec.program,
        )
        try:
            self._engines.touch(spec.engine)
            write_privately(self._engines.path(spec.engine, ".json"), msgspec.json.encode(record))
        except OSError as error:
            server.stop()
            reason = f"the run folder cannot be written: {error.strerror}"
            raise Refused(Failed(how="refused", reason=reason)) from error
        return record


if __name__ == "__main__":
    sys.exit(main())
