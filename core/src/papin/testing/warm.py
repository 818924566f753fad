"""Children of a Python that has imported already what they need: real processes at a fraction of the processor time.

Most of a command of papin is importing. `Warm` keeps an interpreter that never runs anything itself: it imports what
its children imported, and forks. A child has a process id, an environment, streams and a working folder of its own,
can be killed at any moment, and ends as any Python does. What a start from nothing needs (the entry points, what is
imported when) is not for it: start `sys.executable` or the script for that.

    with Warm(os.environ) as warm:
        child = warm.start(LAUNCH, "models", "list", environ={**os.environ, "PAPIN_HOME": home})
        out, err = child.communicate()
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

__all__ = ["LAUNCH", "SCRIPT", "Child", "Warm"]

LAUNCH = "import sys; from papin.launch import main; sys.exit(main())"
"""Runs papin, and then everything that a Python does at its end."""

SCRIPT = "from papin.launch import script; script()"
"""Runs papin as the installed script does."""

_FORKER = Path(__file__).with_name("_forker.py")
_OWN = ("HOME", "PYTHONPATH", "PAPIN_", "XDG_", "HF_", "PYTEST_")


def _shared(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what Python and libraries may read when they are imported: it must be the same for all children."""
    return {name: value for name, value in environ.items() if not name.startswith(_OWN)}


class Child:
    """A child of the warm interpreter; to be used as a `subprocess.Popen` with three streams."""

    def __init__(self, pid: int, status: socket.socket, streams: Sequence[IO[Any] | None], words: list[str]) -> None:
        self.pid = pid
        self.args = words
        self.returncode: int | None = None
        self.stdin, self.stdout, self.stderr = streams
        self._status = status

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream:
                stream.close()
        self.wait()

    def poll(self) -> int | None:
        """Return the status (negated, the signal that ended it), or None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Return the status once it has ended.

        Raises:
            subprocess.TimeoutExpired: It has not after `timeout` seconds.
        """
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
            with self._status:
                said = self._status.recv(16)
            assert said, "the interpreter that forked it has ended"
            self.returncode = int(said)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it is known to have ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def communicate(self, given: Any = None, timeout: float | None = None) -> tuple[Any, Any]:
        """Write `given` to it; return what it wrote to stdout and stderr, once it has ended."""
        with ThreadPoolExecutor(2) as threads:
            reading = [threads.submit(stream.read) if stream else None for stream in (self.stdout, self.stderr)]
            if self.stdin:
                self._write(given)
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()  # or the threads would read on
                raise
            out, err = [future and future.result() for future in reading]
        for stream in (self.stdout, self.stderr):
            if stream:
                stream.close()
        return out, err

    def _write(self, given: Any) -> None:
        assert self.stdin
        try:
            if given:
                self.stdin.write(given)
            self.stdin.close()
        except BrokenPipeError:  # it has read enough
            pass


class Warm:
    """An interpreter that forks; children that it cannot make are started as any other."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = _shared(environ)
        self._forker: subprocess.Popen[bytes] | None = None
        if hasattr(os, "pidfd_open"):
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._forker = subprocess.Popen(
                    [sys.executable, "-c", _FORKER.read_text(), str(theirs.fileno())],
                    env=self._environ,
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._forker:
            self._control.close()
            self._forker.wait()

    def start(
        self, code: str, *arguments: str, environ: Mapping[str, str], text: bool = True, stdin: int = subprocess.DEVNULL
    ) -> Child | subprocess.Popen[Any]:
        """Start a Python that runs `code` with `arguments` after its name, as `python -c` does.

        Its stdout and stderr are pipes; its stdin is one (`subprocess.PIPE`) or empty.
        """
        if self._forker is None or _shared(environ) != self._environ:
            return subprocess.Popen(
                [sys.executable, "-c", code, *arguments],
                stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ, text=text,
            )  # fmt: skip
        ends = [os.pipe() for _ in range(3)]
        ours, theirs = [ends[0][1], ends[1][0], ends[2][0]], [ends[0][0], ends[1][1], ends[2][1]]
        mode = "" if text else "b"
        streams = [os.fdopen(end, kind + mode) for end, kind in zip(ours, ("w", "r", "r"), strict=True)]
        try:
            pid, status = self._fork(code, arguments, environ, theirs)
        finally:
            for end in theirs:
                os.close(end)
        if stdin == subprocess.DEVNULL:
            streams[0].close()
        return Child(pid, status, [None if stdin == subprocess.DEVNULL else streams[0], *streams[1:]], [*arguments])

    def _fork(
        self, code: str, arguments: Sequence[str], environ: Mapping[str, str], streams: list[int]
    ) -> tuple[int, socket.socket]:
        request = {"code": code, "arguments": arguments, "environ": dict(environ), "folder": str(Path.cwd())}
        status, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            socket.send_fds(self._control, [json.dumps(request).encode()], [*streams, theirs.fileno()])
        return int(status.recv(16)), status

    def run(
        self, code: str, *arguments: str, environ: Mapping[str, str], text: bool = True, given: Any = None,
        timeout: float | None = None,
    ) -> subprocess.CompletedProcess[Any]:  # fmt: skip
        """Run `code` as `start` does to its end, with `given` (or nothing) on its stdin; `timeout` is in seconds."""
        stdin = subprocess.DEVNULL if given is None else subprocess.PIPE
        with self.start(code, *arguments, environ=environ, text=text, stdin=stdin) as child:
            out, err = child.communicate(given, timeout)
        return subprocess.CompletedProcess([*arguments], child.wait(), out, err)
