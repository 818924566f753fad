"""How long small commands take, beside the interpreter and `hf`: `python tests/bench/bench_startup.py [models] [rounds]`.

`hf cache ls` on an empty cache is measured where huggingface-hub is installed (`uv run --group bench python ...`) or
`hf` is on PATH. The programs take turns, so that a busy machine slows them alike. Told are medians of processor time
(of the system's too), so that what else runs counts little, and the median of the ratios of each turn. All run from
bytecode, as what is installed does from its second start on; a first round, which does not count, writes it.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from operator import truediv
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
    """Return how many milliseconds of processor time `command` takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1000


def environment(home: Path) -> dict[str, str]:
    """Return an environment with that home, an empty cache for `hf`, and bytecode in a folder of its own."""
    (home / "hf" / "hub").mkdir(parents=True)
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {
        "PAPIN_HOME": str(home),
        "HF_HOME": str(home / "hf"),
        "PYTHONPYCACHEPREFIX": str(home / "bytecode"),
    }


def commands(count: int) -> dict[str, list[str]]:
    """Return what is measured, by its label."""
    found = {
        "python -c pass": [PYTHON, "-c", "pass"],
        "papin --help": [PAPIN, "--help"],
        "papin --version": [PAPIN, "--version"],
        f"papin ({count} models)": [PAPIN],
        f"papin models list ({count} models)": [PAPIN, "models", "list"],
        f"papin models list --json ({count} models)": [PAPIN, "models", "list", "--json"],
    }
    hf = shutil.which("hf", path=os.pathsep.join([str(Path(PYTHON).parent), os.environ["PATH"]]))
    return found | ({"hf cache ls (empty)": [hf, "cache", "ls"]} if hf else {})


def main() -> None:
    """Print the median of each command, and the ratios that are goals."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 15
    wanted = commands(count)
    times: dict[str, list[float]] = {label: [] for label in wanted}
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), count)
        environ = environment(Path(folder))
        for turn in range(rounds + 1):
            for label, command in wanted.items():
                milliseconds = took(command, environ)
                if turn:
                    times[label].append(milliseconds)
    hf = times.get("hf cache ls (empty)")
    for label, each in times.items():
        ratio = f"{statistics.median(map(truediv, each, hf)):8.2f} x hf" if hf else ""
        print(f"{label:<45}{statistics.median(each):8.1f} ms{ratio}")
    print("Goals: papin models list under 0.3 x hf; papin --help under 150 ms where python -c pass takes 11.")


if __name__ == "__main__":
    main()
