"""The interpreter that `warm.Warm` forks: run with the number of a socket on which requests arrive, until it closes.

A request is JSON and four descriptors: the streams of the child, and a socket that is told its process id and then
its status. Children tell on a pipe what they import, at once since they may be killed, and it is imported here for the
next.
"""

from __future__ import annotations

import gc
import importlib
import io
import json
import os
import selectors
import socket
import sys
import types
from contextlib import suppress
from typing import Any

_LARGEST = 1 << 20
_STDERR = 2


class _Forker:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._learning, self._telling = os.pipe()
        os.set_blocking(self._telling, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._selector.register(self._learning, selectors.EVENT_READ)
        self._children: dict[int, tuple[int, socket.socket]] = {}

    def serve(self) -> dict[str, Any] | None:
        """Fork for each request. In a child, return the request; here, nothing when there will be no more."""
        while True:
            for key, _ in self._selector.select():
                if key.fd == self._control.fileno():
                    data, descriptors, *_ = socket.recv_fds(self._control, _LARGEST, 4)
                    if not data:
                        return None
                    if self._is_child(descriptors):
                        request: dict[str, Any] = json.loads(data)
                        return request
                elif key.fd == self._learning:
                    _learn(os.read(self._learning, _LARGEST).decode().split())
                else:
                    self._reap(key.fd)

    def _is_child(self, descriptors: list[int]) -> bool:
        *streams, told = descriptors
        status = socket.socket(fileno=told)
        pid = os.fork()
        if not pid:
            status.close()
            self._leave(streams)
            return True
        for each in streams:
            os.close(each)
        watched = os.pidfd_open(pid)
        self._selector.register(watched, selectors.EVENT_READ)
        self._children[watched] = (pid, status)
        _tell(status, pid)
        return False

    def _leave(self, streams: list[int]) -> None:
        """Keep nothing of the parent but the pipe that tells of imports."""
        self._selector.close()
        self._control.close()
        for watched, (_, status) in self._children.items():
            os.close(watched)
            status.close()
        os.close(self._learning)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "import":
            with suppress(OSError):  # it is full, or the parent has ended
                os.write(self._telling, f"{arguments[0]}\n".encode())

    def _reap(self, watched: int) -> None:
        self._selector.unregister(watched)
        os.close(watched)
        pid, status = self._children.pop(watched)
        _tell(status, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        status.close()


def _tell(status: socket.socket, number: int) -> None:
    with suppress(OSError):  # nobody wants to know
        status.send(str(number).encode())


def _learn(names: list[str]) -> None:
    for name in names:
        with suppress(Exception):  # what only a child finds, or cannot be imported at all
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # no child looks at it, which would copy it


def _stream(number: int, old: io.TextIOWrapper) -> io.TextIOWrapper:
    """Return a standard stream as Python makes it, which depends on whether it is a terminal."""
    unbuffered = old.write_through
    raw = open(number, "wb" if number else "rb", buffering=0 if unbuffered else -1, closefd=False)  # noqa: SIM115
    by_line = bool(number) and not unbuffered and (number == _STDERR or raw.isatty())
    return io.TextIOWrapper(
        raw,
        encoding=old.encoding,
        errors=old.errors,
        newline="\n" if number else None,
        line_buffering=by_line,
        write_through=unbuffered,
    )


def _run(request: dict[str, Any]) -> None:
    """Be a Python that was started with `-c`."""
    os.environ.clear()
    os.environ.update(request["environ"])
    os.chdir(request["folder"])
    if path := os.environ.get("PYTHONPATH"):
        sys.path[1:1] = path.split(os.pathsep)
    sys.argv = ["-c", *request["arguments"]]
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = _stream(number, getattr(sys, name))
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.modules["__main__"] = main = types.ModuleType("__main__")
    exec(compile(request["code"], "<string>", "exec"), main.__dict__)  # noqa: S102  that is what it is for


def _main() -> None:
    request = _Forker(socket.socket(fileno=int(sys.argv[1]))).serve()
    if request is not None:
        _run(request)


if __name__ == "__main__":
    _main()
