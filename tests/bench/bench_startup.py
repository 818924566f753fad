"""How long small commands take, beside the interpreter and `hf`: `python tests/bench/bench_startup.py [models] [rounds]`.

`hf cache ls` on an empty cache is measured where huggingface-hub is installed (`uv run --group bench python ...`) or
`hf` is on PATH. The programs take turns, so that a busy machine slows them alike; the best round of each counts.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from papin._registry import FILE_NAME, Write, open_registry
from papin.testing.samples import sample_models

PYTHON = sys.executable
PAPIN = str(Path(PYTHON).with_name("papin"))


def fill(home: Path, count: int) -> None:
    """Record so many models in the registry of `home`."""
    with open_registry(home / "data" / FILE_NAME, home / "run") as registry:

        def add(write: Write) -> None:
            for number, model in enumerate(sample_models(1, count)):
                file = msgspec.structs.replace(model.files[0], sha256=f"{number:064x}")
                write.add_model(msgspec.structs.replace(model, files=(file,)))

        registry.change(add)


def took(command: list[str], environ: Mapping[str, str]) -> float:
    """Return how many milliseconds `command` takes."""
    started = time.perf_counter()
    subprocess.run(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - started) * 1000


def commands(count: int) -> dict[str, list[str]]:
    """Return what is measured, by its label."""
    found = {
        "python -c pass": [PYTHON, "-c", "pass"],
        "papin --help": [PAPIN, "--help"],
        f"papin models list ({count} models)": [PAPIN, "models", "list"],
        f"papin models list --json ({count} models)": [PAPIN, "models", "list", "--json"],
    }
    hf = shutil.which("hf", path=os.pathsep.join([str(Path(PYTHON).parent), os.environ["PATH"]]))
    return found | ({"hf cache ls (empty)": [hf, "cache", "ls"]} if hf else {})


def main() -> None:
    """Print the best time of each command, and the ratios that are goals."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        fill(home, count)
        (home / "hf" / "hub").mkdir(parents=True)
        environ = os.environ | {"PAPIN_HOME": folder, "HF_HOME": str(home / "hf")}
        wanted = commands(count)
        best = dict.fromkeys(wanted, float("inf"))
        for _ in range(rounds):
            for label, command in wanted.items():
                best[label] = min(best[label], took(command, environ))
    for label, milliseconds in best.items():
        print(f"{label:<45}{milliseconds:8.1f} ms")
    listing, hf = best[f"papin models list ({count} models)"], best.get("hf cache ls (empty)")
    print(f"papin --help: {best['papin --help']:.0f} ms (goal: under 150 where python -c pass takes 11)")
    print(f"papin models list: {listing / hf:.2f} x hf cache ls (goal: under 0.3)" if hf else "hf is not installed")


if __name__ == "__main__":
    main()
