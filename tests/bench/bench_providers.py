"""What providers cost: `python tests/bench/bench_providers.py [rounds]`.

Three questions, each answered as a ratio within one run: how much longer a list takes through papin than the
provider's own answer (an Ollama, real where `ollama` is on PATH or in the folder of programs); how long 5 000 files of
another program take to be found; and whether providers that answer are slowed by others that hang, lie and flood.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import trio

from papin.events import ProviderChanged
from papin.kernel import Kernel, open_kernel
from papin.library import open_library

_PLUGIN = "from papin.testing.folder_provider import papin_providers\n"
_BAD = ("hangs", "hangs", "hangs", "lies", "lies", "floods")


@contextmanager
def a_home() -> Iterator[Path]:
    """Give a home, with the provider `folder` installed beside what is."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        info = root / "site" / "bench_folder-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bench-folder\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[papin]\nbench_folder = bench_folder_plugin\n")
        (root / "site" / "bench_folder_plugin.py").write_text(_PLUGIN)
        (root / "home").mkdir()
        sys.path.insert(0, str(root / "site"))
        try:
            yield root
        finally:
            sys.path.remove(str(root / "site"))


def configure(root: Path, tables: dict[str, dict[str, str]]) -> dict[str, str]:
    """Write a configuration with these instances of `folder`; return the environment to open a kernel with."""
    text = ""
    for name, settings in tables.items():
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in {"kind": "folder", **settings}.items())
        text += f"[providers.{name}]\n{lines}"
    (root / "home" / "config.toml").write_text(text)
    return {**os.environ, "PAPIN_HOME": str(root / "home")}


async def median(rounds: int, ask: Callable[[], Awaitable[object]]) -> float:
    """Return the median time of `ask` in milliseconds, after a first time that does not count."""
    await ask()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        await ask()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


async def many_files(root: Path, rounds: int, count: int = 5000) -> None:
    """Find and list so many files of another program."""
    folder = root / "found"
    folder.mkdir()
    for number in range(count):
        with (folder / f"model-{number:05}.gguf").open("wb") as file:
            file.truncate(1 << 20)
    environ = configure(root, {"found-files": {"path": str(folder)}})
    async with open_kernel(environ=environ) as kernel:
        took = await median(rounds, lambda: kernel.providers.refresh(["found-files"]))
        print(f"{count} files are found and recorded:  {took:8.1f} ms  (goal: under 2000)")
        stale = await median(rounds, kernel.providers.refresh_stale)
        print(f"nothing changed, found out:          {stale:8.1f} ms")
    with open_library(environ) as library:
        began = time.perf_counter()
        models = library.summaries().ids
        print(f"{len(models)} models are read and grouped: {(time.perf_counter() - began) * 1000:8.1f} ms")


def ollama_program() -> str | None:
    """Return where Ollama is, on PATH or where `.ci/provision` puts it."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    programs = os.environ.get("PAPIN_PROGRAMS") or f"{cache}/papin-programs"
    return shutil.which("ollama") or shutil.which(f"{programs}/bin/ollama")


def fill_ollama(store: Path, count: int) -> None:
    """Write so many manifests that share one payload, as `ollama cp` would."""
    blobs = store / "blobs"
    blobs.mkdir(parents=True)

    def blob(data: bytes) -> dict[str, object]:
        digest = hashlib.sha256(data).hexdigest()
        (blobs / f"sha256-{digest}").write_bytes(data)
        return {"digest": f"sha256:{digest}", "size": len(data)}

    config = {"model_format": "gguf", "model_family": "llama", "model_type": "1B", "file_type": "Q4_0"}
    layers = [{"mediaType": "application/vnd.ollama.image.model", **blob(b"GGUF" + bytes(4092))}]
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            **blob(json.dumps(config).encode()),
        },
        "layers": layers,
    }
    for number in range(count):
        place = store / "manifests" / "registry.ollama.ai" / "library" / f"model-{number:04}"
        place.mkdir(parents=True)
        (place / "latest").write_text(json.dumps(manifest | {"number": number}))


async def real_ollama(root: Path, rounds: int, count: int = 1000) -> None:
    """List so many models of a real Ollama, by itself and through papin."""
    program = ollama_program()
    if program is None:
        print("there is no ollama here: .ci/provision builds one")
        return
    store = root / "ollama"
    fill_ollama(store, count)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    ours = {**os.environ, "OLLAMA_HOST": address, "OLLAMA_MODELS": str(store)}
    config = f'[providers.ollama]\nurl = "http://{address}"\nmodels = "{store}"\n'
    await trio.Path(root / "home" / "config.toml").write_text(config)
    async with trio.open_nursery() as nursery:
        serve = partial(trio.run_process, [program, "serve"], env=ours, capture_stdout=True, capture_stderr=True)
        nursery.start_soon(serve)
        await _time_ollama(root, address, rounds)
        nursery.cancel_scope.cancel()


async def _time_ollama(root: Path, address: str, rounds: int) -> None:
    async def tags() -> object:
        answer = await trio.to_thread.run_sync(urllib.request.urlopen, f"http://{address}/api/tags")
        return json.loads(answer.read())

    for _ in range(100):
        try:
            await tags()
            break
        except OSError:
            await trio.sleep(0.1)
    async with open_kernel(environ={**os.environ, "PAPIN_HOME": str(root / "home")}) as kernel:
        own = await median(rounds, tags)
        through = await median(rounds, lambda: kernel.providers.refresh(["ollama"]))
        (inventory,) = await kernel.providers.refresh(["ollama"])
        print(f"{len(inventory.listing.models)} models, Ollama's own answer: {own:8.1f} ms")
        print(f"through papin, recorded:             {through:8.1f} ms  (goal: under {own * 1.3 + 50:.1f})")


async def bad_company(root: Path, rounds: int) -> None:
    """Ask four good providers alone, and beside six that misbehave."""
    good = {}
    for number in range(4):
        folder = root / f"good{number}"
        folder.mkdir()
        for model in range(100):
            (folder / f"m{model}.gguf").write_bytes(b"x")
        good[f"good{number}"] = {"path": str(folder)}
    bad = {f"bad{number}": {"behaviour": behaviour} for number, behaviour in enumerate(_BAD)}
    async with open_kernel(environ=configure(root, good | bad)) as kernel:
        await kernel.providers.refresh()
        for ask, how in ((one_call, "in one call (goal: 1.1)"), (by_themselves, "each by a call of its own")):
            times: dict[bool, list[float]] = {True: [], False: []}
            for turn in range(6 * rounds + 2):  # by turns, so that a busy machine slows both alike
                change(root, sorted(good), turn)
                began = time.perf_counter()
                await ask(kernel, sorted(good), sorted(bad) if turn % 2 else [])
                times[turn % 2 == 0].append((time.perf_counter() - began) * 1000)
            alone, beside = statistics.median(times[True][1:]), statistics.median(times[False][1:])
            print(f"four good providers beside three that hang, two liars and a flood, {how}:")
            print(f"{alone:.1f} ms alone, {beside:.1f} ms beside: {beside / alone:.2f} x")
        began = time.perf_counter()
        await kernel.providers.refresh(sorted(good | bad))
        print(f"all ten, until the last is given up: {(time.perf_counter() - began) * 1000:8.1f} ms")


def change(root: Path, good: list[str], turn: int) -> None:
    """Let each of the good ones have one model more, or one less."""
    for name in good:
        path = root / name / "new.gguf"
        path.unlink() if turn % 2 else path.write_bytes(b"x")


async def one_call(kernel: Kernel, good: list[str], bad: list[str]) -> None:
    """Return when what the good ones have is recorded, and everybody is told; one call asks all."""
    waiting = set(good)
    async with trio.open_nursery() as nursery:
        with kernel.bus.subscribe() as events:
            nursery.start_soon(kernel.providers.refresh, [*bad, *good])
            while waiting:
                event = (await anext(events)).envelope.event
                if isinstance(event, ProviderChanged):
                    waiting.discard(event.provider)
        nursery.cancel_scope.cancel()


async def by_themselves(kernel: Kernel, good: list[str], bad: list[str]) -> None:
    """Return when the good ones have answered; the others are asked at the same time."""
    async with trio.open_nursery() as nursery:
        for name in bad:
            nursery.start_soon(kernel.providers.refresh, [name])
        async with trio.open_nursery() as waited:
            for name in good:
                waited.start_soon(kernel.providers.refresh, [name])
        nursery.cancel_scope.cancel()


async def main() -> None:
    """Run them all."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    for bench in (many_files, real_ollama, bad_company):
        with a_home() as root:
            await bench(root, rounds)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        trio.run(main)
