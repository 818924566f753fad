"""Reading what is recorded, with many models: `python tests/bench/bench_models_list.py [models] [rounds]`.

Medians in milliseconds: of the library alone (models, find, ids), and of whole processes, beside those that everybody
pays (`python -c pass`, and importing msgspec and sqlite3).
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from papin._registry import FILE_NAME, Write, open_registry
from papin.events import ModelInstalled
from papin.library import Library, open_library
from papin.models import Model, StoredFile

START = datetime(2026, 1, 1, tzinfo=UTC)
LIST = """
from papin.library import open_library
with open_library() as library:
    for model in library.models():
        model.id, model.size
"""


def median(action: Callable[[], object], rounds: int) -> float:
    """Return the median time of `action` in milliseconds."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        action()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def sample(number: int) -> Model:
    """Return a model as a download leaves it; every fifth is used and tagged, every tenth has two files."""
    files = tuple(
        StoredFile(name=f"model-{number}-{part}.gguf", sha256=f"{number * 2 + part:064x}", size=1 << 30, format="gguf")
        for part in range(1 if number % 10 else 2)
    )
    return Model(
        id=f"model-{number:05}",
        ref=f"hub:org/model-{number}:Q4_K_M",
        files=files,
        installed_at=START + timedelta(seconds=number),
        source="hub",
        revision="main",
        format="gguf",
        architecture="llama",
        parameters=7_000_000_000 + number,
        quantization="Q4_K_M",
        context_length=8192,
        license="apache-2.0",
        capabilities=("chat",),
        favourite=number % 50 == 0,
        tags=("work",) if number % 5 == 0 else (),
        uses=number % 5,
        last_used_at=START if number % 5 else None,
    )


def fill(home: Path, count: int) -> None:
    """Record so many models below `home`."""

    def apply(write: Write) -> None:
        for number in range(count):
            model = sample(number)
            write.add_model(model)
            write.journal(ModelInstalled(model=model.id, ref=model.ref))
        write.adopt([])

    with open_registry(home / "data" / FILE_NAME, home / "run") as registry:
        registry.change(apply)


def show(what: str, milliseconds: float) -> None:
    """Print one line."""
    print(f"{what:<46}{milliseconds:>9.1f} ms")


def time_library(library: Library, count: int, rounds: int) -> None:
    """Time the methods of an open library."""
    show(f"library.models() with {count} models", median(library.models, rounds))
    show("library.summaries()", median(library.summaries, rounds))
    show("library.model_ids()", median(library.model_ids, rounds))
    show("library.find(an id)", median(lambda: library.find(f"model-{count - 1:05}"), rounds))


def time_processes(home: Path, rounds: int) -> None:
    """Time whole processes, from their start to their end."""
    environ = {**os.environ, "PAPIN_HOME": str(home)}
    for what, script in (
        ("python -c pass", "pass"),
        ("python -c 'import msgspec, sqlite3'", "import msgspec, sqlite3"),
        ("python -c 'import papin.library'", "import papin.library"),
        ("python, a library, and all models", LIST),
    ):
        run = partial(subprocess.run, [sys.executable, "-c", script], check=True, env=environ)
        show(what, median(run, rounds))


def main() -> None:
    """Fill a registry, and time reading it."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 9
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        fill(home, count)
        with open_library({"PAPIN_HOME": folder}) as library:
            time_library(library, count, rounds)
        file, run = home / "data" / FILE_NAME, home / "run"
        show("open_registry, checks and all, and close", median(lambda: open_registry(file, run).close(), rounds))
        time_processes(home, rounds)


if __name__ == "__main__":
    main()
