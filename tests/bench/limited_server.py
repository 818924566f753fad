"""A server that gives each connection so many bytes a second, whatever it is asked for, and however often.

    python tests/bench/limited_server.py FILE PORT RATE LINE LOG

nginx's `limit_rate` begins anew with each request and lets a second's worth come at once: whoever asks for small parts
is not limited at all. Here the kernel paces what a connection sends (`SO_MAX_PACING_RATE`), so this is for Linux alone.
LINE is how many all of them get together, those that are being sent something sharing it evenly, as on a line to a home.
LOG gets a line for each connection that began, `begun`, and one when it is over, `ended` with the bytes that
arrived at the other side: what a kernel took to be sent, and threw away because the other side had left, was on no wire.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PACING = 47  # SO_MAX_PACING_RATE, which Python has no name for


class Line:
    """What each connection may have at most, and all of them together, in bytes a second."""

    def __init__(self, rate: int, most: int) -> None:
        self._rate = rate
        self._most = most
        self._users: set[socket.socket] = set()
        self._lock = threading.Lock()

    @contextmanager
    def shared_by(self, connection: socket.socket) -> Iterator[None]:
        """Give a connection its share for as long as something is sent over it."""
        with self._lock:
            self._users.add(connection)
            self._pace()
        try:
            yield
        finally:
            with self._lock:
                self._users.remove(connection)
                self._pace()

    def _pace(self) -> None:
        for user in self._users:
            user.setsockopt(socket.SOL_SOCKET, _PACING, min(self._rate, self._most // len(self._users)))


def main() -> None:
    """Serve until it is ended."""
    path, port, rate, most, log = sys.argv[1:]
    line = Line(int(rate), int(most))
    with socket.create_server(("127.0.0.1", int(port)), backlog=64) as listener, Path(path).open("rb") as file:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_serve, args=(connection, file.fileno(), line, Path(log)), daemon=True).start()


def _serve(connection: socket.socket, file: int, line: Line, log: Path) -> None:
    with connection, log.open("a", buffering=1) as lines:
        lines.write("begun\n")
        with suppress(OSError):  # whoever asked has left
            _answer_all(connection, file, line)
        lines.write(f"ended {_arrived(connection)}\n")


def _answer_all(connection: socket.socket, file: int, line: Line) -> None:
    total = os.fstat(file).st_size
    with connection.makefile("rb") as requests:
        while request := b"".join(iter(requests.readline, b"\r\n")) if requests.peek(1) else b"":
            first, _, last = _asked(request).partition("-")
            start, stop = int(first or 0), int(last or total - 1) + 1
            status = f"206 Partial Content\r\nContent-Range: bytes {start}-{stop - 1}/{total}" if first else "200 OK"
            told = f'ETag: "one"\r\nAccept-Ranges: bytes\r\nContent-Length: {stop - start}\r\n\r\n'
            connection.sendall(f"HTTP/1.1 {status}\r\n{told}".encode())
            if not request.startswith(b"HEAD"):
                with line.shared_by(connection):
                    _send(connection, file, range(start, stop))


def _arrived(connection: socket.socket) -> int:
    """Return the bytes that the other side has acknowledged, `tcpi_bytes_acked` of the kernel's `struct tcp_info`."""
    return int(struct.unpack_from("Q", connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 128), 120)[0])


def _asked(request: bytes) -> str:
    lines = request.decode("latin-1").lower().splitlines()
    return next((line.partition("bytes=")[2] for line in lines if line.startswith("range:")), "")


def _send(connection: socket.socket, file: int, part: range) -> None:
    while part:
        part = part[os.sendfile(connection.fileno(), file, part.start, len(part)) :]


if __name__ == "__main__":
    main()
