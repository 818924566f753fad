"""How fast the store verifies a payload, beside `openssl dgst -sha256`: `python tests/bench/bench_verify.py [MiB]`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import trio

from papin.storages import StorageSession, hash_file
from papin.testing import make_context
from papin_store.plugin import papin_storages

ROUNDS = 5


async def verify(session: StorageSession, sha256: str) -> float:
    started = time.perf_counter()
    assert await session.verify(sha256, report=lambda done: None) == "ok"
    return time.perf_counter() - started


def openssl(path: Path) -> float:
    started = time.perf_counter()
    subprocess.run(["openssl", "dgst", "-sha256", path], check=True, capture_output=True)
    return time.perf_counter() - started


async def main(size: int) -> None:
    """Print both rates and their ratio, the rounds taking turns so that both see the same machine."""
    (storage,) = papin_storages()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "payload"
        with source.open("wb") as file:
            for _ in range(size >> 20):
                file.write(bytes(range(256)) * 4096)
        sha256 = hash_file(source, report=lambda done: None)
        async with storage.open(make_context(storage, folder)) as session:
            async with session.stage(sha256, size=None) as area:
                await session.take(area, source)
                path = await session.admit(area, sha256=sha256, size=size)
            ours, theirs = [], []
            for _ in range(ROUNDS):
                ours.append(await verify(session, sha256))
                if shutil.which("openssl"):
                    theirs.append(openssl(path))
    print(f"papin: {size / min(ours) / 1e6:,.0f} MB/s")
    if theirs:
        print(f"openssl dgst -sha256: {size / min(theirs) / 1e6:,.0f} MB/s, papin {min(theirs) / min(ours):.2f} x")
    else:
        print("openssl is not installed, nothing to compare with")


if __name__ == "__main__":
    trio.run(main, (int(sys.argv[1]) if len(sys.argv) > 1 else 512) << 20)
