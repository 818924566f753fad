"""Listing a real Ollama with many models: `python tests/bench/bench_ollama_list.py [models] [rounds]`.

Medians in milliseconds: of Ollama's own `/api/tags`, and of papin's list of the same folder, taken in turn; the goal is
1.3 times the first plus 50 ms. And of telling by the time stamps that nothing has changed. `.ci/provision` brings Ollama.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio

from papin.inventories import is_current
from papin.testing import make_context
from papin_ollama.plugin import papin_providers

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "papin-programs")
PROGRAMS = Path(os.environ.get("PAPIN_PROGRAMS") or CACHE, "bin")
MEDIA = "application/vnd.ollama.image."


def fill(store: Path, count: int) -> None:
    """Register so many models, each with weights, a template and a config of its own."""

    def put(kind: str, data: bytes) -> dict[str, str | int]:
        digest = hashlib.sha256(data).hexdigest()
        (store / "blobs" / f"sha256-{digest}").write_bytes(data)
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data)}

    (store / "blobs").mkdir(parents=True)
    for number in range(count):
        about = {
            "model_format": "gguf",
            "model_family": "llama",
            "model_type": "8.0B",
            "file_type": "Q4_K_M",
            "n": number,
        }
        layers = [put(f"{MEDIA}model", b"GGUF %d" % number), put(f"{MEDIA}template", b"{{ .Prompt }} ")]
        config = put("application/vnd.docker.container.image.v1+json", json.dumps(about).encode())
        folder = store / "manifests" / "registry.ollama.ai" / "library" / f"model-{number}"
        folder.mkdir(parents=True)
        (folder / "latest").write_text(json.dumps({"schemaVersion": 2, "config": config, "layers": layers}))


@contextmanager
def serving(folder: Path, store: Path) -> Iterator[str]:
    """Run Ollama on that folder, and give its address."""
    program = shutil.which("ollama") or str(PROGRAMS / "ollama")
    environ = {"HOME": str(folder), "OLLAMA_MODELS": str(store), "OLLAMA_HOST": "127.0.0.1:0", "OLLAMA_NO_CLOUD": "1"}
    with (folder / "log").open("w+") as log:
        child = subprocess.Popen([program, "serve"], env=os.environ | environ, stdout=log, stderr=log)
        try:
            while not (found := re.search(r"Listening on (\S+)", (folder / "log").read_text())):
                time.sleep(0.05)
            yield f"http://{found[1]}"
        finally:
            child.terminate()
            child.wait()


async def measure(folder: Path, store: Path, url: str, count: int, rounds: int) -> None:
    """Print the medians."""
    (provider,) = papin_providers()
    theirs, ours, stamps = [], [], []
    async with provider.open(make_context(provider, folder / "context", url=url, models=str(store))) as session:
        for _ in range(rounds):
            started = time.perf_counter()
            json.loads(urllib.request.urlopen(f"{url}/api/tags").read())  # noqa: ASYNC210  # nothing else is going on
            theirs.append(time.perf_counter() - started)
            started = time.perf_counter()
            listing = await session.models()
            ours.append(time.perf_counter() - started)
            assert len(listing.models) == count
            started = time.perf_counter()
            is_current(listing.stamps)
            stamps.append(time.perf_counter() - started)
    tags, listed, current = (statistics.median(each) * 1000 for each in (theirs, ours, stamps))
    print(
        f"{count} models: /api/tags {tags:.0f} ms, papin {listed:.0f} ms (goal {1.3 * tags + 50:.0f}), unchanged {current:.0f} ms"
    )


def main() -> None:
    count, rounds = [*map(int, sys.argv[1:]), *(1000, 9)[len(sys.argv) - 1 :]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder / "models", count)
        with serving(folder, folder / "models") as url:
            trio.run(measure, folder, folder / "models", url, count, rounds)


if __name__ == "__main__":
    main()
