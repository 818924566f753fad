"""Shares two files again and again, each time killed one call to the system later, until it comes to its end.

    python killed.py BASE WAY

Each attempt has a folder of its own in BASE. WAY is `link`, or `copy`, which nothing else than a copy is possible for.
"""

import os
import signal
import sys
from itertools import count
from pathlib import Path

from papin import links
from papin.shares import share

CALLS = {"open", "os.link", "os.symlink", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "fcntl.ioctl"}


def arm(point):
    """Kill this process before its call number `point` that looks at files or changes them."""
    calls = count(1)

    def hook(event, _):
        if event in CALLS and next(calls) == point:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def attempt(base, point):
    """Share in a process that is killed at `point`; return how it ended."""
    files = {}
    for name in ("m-00001-of-00002.gguf", "m-00002-of-00002.gguf"):
        files[name] = base / "store" / name
        files[name].parent.mkdir(parents=True, exist_ok=True)
        files[name].write_text(name)
    child = os.fork()
    if not child:
        arm(point)
        share(base / "program" / "m", files, base / "papin" / "m.json", allow_copy=True)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(base, way):
    """Go through all points."""
    if way == "copy":
        links._reflink = links._hard_link = links._symlink = lambda *_: False
    for point in count(1):
        status = attempt(Path(base) / str(point), point)
        if status == 0:
            return
        if status != -signal.SIGKILL:
            sys.exit(f"it ended with {status} at {point}")


if __name__ == "__main__":
    main(*sys.argv[1:])
