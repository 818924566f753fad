"""What an update costs whose weights are the same behind another header, next to fetching all of it.

    python tests/bench/bench_update.py [MiB] [header in KiB]

A server on loopback serves both, in a process of its own; seconds are those to the durable payload.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import trio

from papin._transfers import Base, fetch, likely
from papin.http import Http
from papin.models import HttpSource, WantedFile
from papin.storages import hash_file
from papin.testing import make_context
from papin_store.plugin import papin_storages

_SERVER = """
import sys, trio
from papin.testing.fault_server import fault_server
async def main():
    async with fault_server(open(sys.argv[1], "rb").read()) as server:
        print(server.url, flush=True)
        await trio.to_thread.run_sync(sys.stdin.read)
        print(server.sent, flush=True)
trio.run(main)
"""


def write(path: Path, head: bytes, weights: Path) -> None:
    with path.open("wb") as file, weights.open("rb") as rest:
        file.write(head)
        while piece := rest.read(4 << 20):
            file.write(piece)


async def bring_in(folder: Path, wanted: WantedFile, base: Base | None) -> str:
    """Return in words what fetching it took, with a base or without."""
    (storage,) = papin_storages()
    started = time.perf_counter()
    told = await likely(wanted, base, Http(environ={})) if base else 0
    checked = time.perf_counter() - started
    async with storage.open(make_context(storage, folder)) as session:
        started = time.perf_counter()
        fetched = await fetch(wanted, session, Http(environ={}), lambda _: None, base=base)
        took = time.perf_counter() - started
        await session.remove(fetched.sha256)
    check = f" (checked in {checked:.3f} s: {told / 1e6:,.2f} MB are here)" if base else ""
    return f"{fetched.how}{check}: {took:.2f} s"


def one(folder: Path, new: Path, base: Base | None) -> None:
    """Print what fetching `new` costs."""
    with subprocess.Popen(
        [sys.executable, "-c", _SERVER, new], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        source = HttpSource(url=server.stdout.readline().strip(), user_named=True)
        sha256 = hash_file(new, report=lambda _: None)
        wanted = WantedFile(name="m", sources=(source,), size=new.stat().st_size, sha256=sha256)
        words = trio.run(bring_in, folder, wanted, base)
        server.stdin.close()
        print(f"{words}, {int(server.stdout.readline()) / 1e6:,.2f} MB sent")


def main(size: int, header: int) -> None:
    """Measure both, one after the other."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights, old, new = folder / "weights", folder / "old", folder / "new"
        with weights.open("wb") as file:
            for _ in range(size >> 20):
                file.write(os.urandom(1 << 20))
        write(old, os.urandom(header), weights)
        write(new, os.urandom(header + 32), weights)
        weights.unlink()
        one(folder, new, None)
        one(folder, new, Base(path=old, size=old.stat().st_size, header=header))


if __name__ == "__main__":
    numbers = [int(each) for each in sys.argv[1:]] + [1024, 6144][len(sys.argv) - 1 :]
    main(numbers[0] << 20, numbers[1] << 10)
