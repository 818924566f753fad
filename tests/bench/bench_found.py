"""How long papin takes to list 5 000 model files of other programs: `python tests/bench/bench_found.py [COUNT]`.

The goal is under 2 s without hashing; and how long it takes to tell that nothing changed since.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from papin.inventories import is_current
from papin_found._finders import Finder, find_huggingface, find_lmstudio
from papin_found._session import scan

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
QUANTIZATIONS = ("Q2_K", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0")


def lmstudio(root: Path) -> None:
    for number in range(COUNT):
        folder = root / f"publisher-{number % 50}" / f"Model-{number // 5}-7B-GGUF"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"model-{number // 5}-7B-{QUANTIZATIONS[number % 5]}.gguf").write_bytes(b"GGUF")


def huggingface(root: Path) -> None:
    for number in range(COUNT):
        folder = root / f"models--org-{number % 50}--Model-{number // 5}-7B-GGUF"
        blob = folder / "blobs" / f"{number:064x}"
        name = folder / "snapshots" / ("a" * 40) / f"model-7B-{QUANTIZATIONS[number % 5]}.gguf"
        blob.parent.mkdir(parents=True, exist_ok=True)
        name.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(b"GGUF")
        name.symlink_to(Path("../../blobs", blob.name))
        (folder / "refs").mkdir(exist_ok=True)
        (folder / "refs" / "main").write_text("a" * 40)


def timed(what: Callable[[], object]) -> float:
    took = []
    for _ in range(3):
        began = time.perf_counter()
        what()
        took.append(time.perf_counter() - began)
    return sorted(took)[1]


def measure(name: str, make: Callable[[Path], None], find: Finder) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make(root)
        time.sleep(0.1)  # what changed just now has no stamp to go by
        listing = scan(root, find, lambda: None)
        seconds = timed(lambda: scan(root, find, lambda: None))
        unchanged = timed(lambda: is_current(listing.stamps))
        print(
            f"{name:12} {len(listing.models)} models: {seconds:.2f} s (goal 2 s); unchanged: {unchanged * 1000:.0f} ms"
        )


if __name__ == "__main__":
    measure("lmstudio", lmstudio, find_lmstudio)
    measure("huggingface", huggingface, find_huggingface)
