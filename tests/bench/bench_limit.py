"""How exact a limit on the speed is over ten seconds: `python tests/bench/bench_limit.py [MB a second]`.

Real processes download over loopback from a server that would be faster. What came is read from their records, with the
times that stand there: for one download with a limit of its own, and for two in two processes that share one, both as
fast as they may be and one of them slow.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from papin.library import open_library

_SECONDS = 10.0
_SETTLING = 2.0
_PAPIN = [sys.executable, "-c", "import sys; from papin.launch import main; sys.exit(main())"]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def handle(self) -> None:
        """Answer, until the client goes away."""
        with suppress(ConnectionError):
            super().handle()


def _now(environ: dict[str, str]) -> dict[str, tuple[int, float]]:
    """Return the bytes that came and when that was recorded, of each download."""
    with open_library(environ) as library:
        jobs = [job for job in library.jobs() if job.progress and job.progress.phase == "downloading"]
        return {job.id: (job.progress.done, job.updated_at.timestamp()) for job in jobs if job.progress}


def _measure(folder: Path, url: str, names: Mapping[str, Sequence[str]], first: Sequence[str] = ()) -> float:
    """Return the bytes a second of downloads of `names`, each in a process of its own with options of its own."""
    environ = {**os.environ, "PAPIN_HOME": str(folder)}
    if first:
        subprocess.run([*_PAPIN, *first], env=environ, check=True, stdout=subprocess.DEVNULL)
    with ExitStack() as stack:
        for name, words in names.items():
            command = [*_PAPIN, "models", "download", f"{url}/{name}", *words]
            child = stack.enter_context(subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL))
            stack.callback(child.kill)
        while len(_now(environ)) < len(names):
            time.sleep(0.1)
        time.sleep(_SETTLING)
        before = _now(environ)
        time.sleep(_SECONDS)
        after = _now(environ)
    return sum((after[job][0] - done) / (after[job][1] - at) for job, (done, at) in before.items())


def _show(what: str, rate: float, limit: int) -> None:
    print(f"{what:<33} {rate / 1e6:7.3f} MB/s of {limit / 1e6:.3f}: {100 * (rate / limit - 1):+.2f} %, goal 5 %")


def main(limit: int) -> None:
    """Print a line for each arrangement."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "www").mkdir()
        for file in ("a.gguf", "b.gguf"):
            with (folder / "www" / file).open("wb") as opened:
                opened.truncate(limit * 60)
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder / "www")))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        rate = _measure(folder / "one", url, {"a.gguf": ("--limit", str(limit))})
        _show("one download with its own limit", rate, limit)
        together = ("downloads", "limit", str(limit))
        rate = _measure(folder / "two", url, {"a.gguf": (), "b.gguf": ()}, together)
        _show("two processes, one limit for all", rate, limit)
        rate = _measure(folder / "slow", url, {"a.gguf": (), "b.gguf": ("--limit", str(limit // 10))}, together)
        _show("the same, and one of them is slow", rate, limit)
        server.shutdown()


if __name__ == "__main__":
    main(int(float(sys.argv[1]) * 1e6) if sys.argv[1:] else 5_000_000)
