"""A program on a terminal of its own, as a person uses it (Linux and macOS)."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence

__all__ = ["Terminal"]

# Makes the terminal that the child has as stdin its own, so that Ctrl-C reaches it.
_OWN = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
_ROWS = 30
_END = 30.0


class Terminal:
    """Runs a program; `shown` is everything that it has written, escape sequences included."""

    def __init__(
        self, arguments: Sequence[str | os.PathLike[str]], environ: Mapping[str, str], columns: int = 100
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, columns, 0, 0))
        self.child = subprocess.Popen(
            [sys.executable, "-c", _OWN, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environ,
            start_new_session=True,
        )
        os.close(slave)
        self.shown = ""
        self._seen = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def until(self, text: str | re.Pattern[str], seconds: float = 60) -> str:
        """Read until `text`, or what a pattern finds, is shown; return all that is. The next call looks behind it."""
        end = time.monotonic() + seconds
        pattern = re.compile(re.escape(text) if isinstance(text, str) else text)
        while (found := pattern.search(self.shown, self._seen)) is None:
            left = max(0, end - time.monotonic())
            assert select.select([self._master], [], [], left)[0], f"no {text!r} in {self.shown}"
            assert self._read(), f"ended without {text!r}: {self.shown}"
        self._seen = found.end()
        return self.shown

    def _read(self) -> bool:
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux says so when the other end is closed
            return False
        self.shown += self._decoder.decode(data)
        # What a terminal answers when it is asked where its cursor is.
        if b"\x1b[6n" in data:
            os.write(self._master, b"\x1b[1;1R")
        return bool(data)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._master, text.encode())

    def end(self) -> int:
        """Read to the end; return the exit status."""
        while self._read():
            continue
        return self.child.wait(timeout=_END)

    def close(self) -> None:
        """End the program if it still runs."""
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        os.close(self._master)
