"""A program that ends with papin, however papin ends: `python -m papin_llamacpp.leash PROGRAM ARGUMENTS`.

Its stdin is the leash: a pipe that papin holds, which breaks when papin closes it, crashes or is killed. The program
has no stdin, writes where this writes, and its status is the status of this, a signal that ended it included.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

__all__ = ["CANNOT_START", "leashed", "main"]

CANNOT_START = 126
"""The status when the program is there and is none, as shells have it."""


def leashed(command: Sequence[str]) -> list[str]:
    """Return what runs `command` so. Where this Python does not tell its own program it is `command` itself."""
    return [sys.executable, "-P", "-m", __name__, *command] if sys.executable else list(command)


def main() -> int:
    """Run the program until it is over or nobody holds the leash any more."""
    try:
        child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    except OSError as error:
        sys.stderr.write(f"{sys.argv[1]} cannot be started: {error.strerror}\n")
        return CANNOT_START
    threading.Thread(target=_wait_for_the_end, args=(child,), daemon=True).start()
    status = child.wait()
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


def _wait_for_the_end(child: subprocess.Popen[bytes]) -> None:
    while os.read(0, 1 << 10):
        continue
    child.kill()


if __name__ == "__main__":
    sys.exit(main())
