"""A life of a payload, step by step, in one thread: what is killed, starved and cut off in the fault tests.

python scenario.py ROOT             live it; every step that was acknowledged is written to standard output
python scenario.py FOLDER killed    live it in FOLDER/1, killed before its first call to the system, in FOLDER/2,
                                    killed before its second, and so on; FOLDER/1.done is what was acknowledged
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from papin.models import Model, StoredFile
from papin_store import _payloads, _sidecars, _space, _staging
from papin_store._root import open_root
from papin_store.settings import StoreSettings

CONTENTS = [b"first " * 30_000, b"second " * 20_000]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def model(content: bytes) -> Model:
    file = StoredFile(name="m.gguf", sha256=digest(content), size=len(content))
    return Model(id="tiny", ref="", files=(file,), installed_at=datetime(2026, 1, 2, tzinfo=UTC), size=len(content))


def acknowledge(step: str) -> None:
    sys.stdout.write(f"{step}\n")
    sys.stdout.flush()


def main(root: Path) -> None:
    root.mkdir(exist_ok=True)
    layout = open_root(root, root)
    for number, content in enumerate(CONTENTS):
        sha256 = digest(content)
        _staging.lock_file(layout, sha256).touch()
        area = _staging.prepare(layout, sha256)
        _space.promise(layout, StoreSettings(reserve=0), sha256, len(content))
        with area.data.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _payloads.admit(layout, area.data, sha256, len(content))
        acknowledge(f"admitted {number}")
        _staging.release(area)
        _sidecars.remember(layout, model(content))
        acknowledge(f"remembered {number}")
    _payloads.remove(layout, digest(CONTENTS[0]))
    acknowledge("removed 0")


CALLS = {"open", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "fcntl.flock"}


def die_before(number: int) -> None:
    """Have this process killed before its call `number` that changes or opens a file."""
    left = iter(range(number - 1))

    def hook(event: str, _arguments: object) -> None:
        if event in CALLS and next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def live_killed(folder: Path) -> None:
    for number in count(1):
        child = os.fork()
        if not child:
            done = os.open(folder / f"{number}.done", os.O_WRONLY | os.O_CREAT)
            os.dup2(done, sys.stdout.fileno())
            die_before(number)
            main(folder / str(number))
            os._exit(0)
        if os.waitpid(child, 0)[1] == 0:
            return


if __name__ == "__main__":
    (live_killed if sys.argv[2:] else main)(Path(sys.argv[1]))
