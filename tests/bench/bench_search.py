"""Searching what the catalogs have: `python tests/bench/bench_search.py [entries] [rounds]`.

Builds an index of made-up entries and tells how long that took (wall and processor time) and how large its file is;
then the median, p95 and p99 of each kind of search, and of all of them together, in milliseconds of processor time (so
that what else runs does not count), where the 50 most popular of the models are installed; of all of them together
where the most popular tenth is; at last the whole command, beside `python -c pass`.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random

from papin._index import _read, _write
from papin._index._conditions import Here
from papin._index._file import Index
from papin._index._installed import Recorded
from papin._registry import FILE_NAME, Read, Write, open_registry
from papin.catalogs import Page
from papin.memory import Room
from papin.models import CatalogEntry, HttpSource, Model, StoredFile, Variant, WantedFile
from papin.query import parse

START = datetime(2024, 1, 1, tzinfo=UTC)
ARCHITECTURES = [
    "llama",
    "qwen2",
    "qwen3",
    "gemma2",
    "gemma3",
    "mistral",
    "phi3",
    "granite",
    "falcon",
    "olmo2",
    "bert",
    "glm4",
    "mamba",
    "t5",
]
QUANTIZATIONS = [
    "IQ2_M",
    "IQ3_M",
    "IQ4_XS",
    "Q2_K",
    "Q3_K_M",
    "Q4_0",
    "Q4_K_S",
    "Q4_K_M",
    "Q5_K_M",
    "Q6_K",
    "Q8_0",
    "F16",
]
CAPABILITIES = ["text", "chat", "code", "embedding", "vision", "tools", "reasoning", "multilingual"]
LICENSES = ["apache-2.0", "mit", "llama3.1", "gemma", "other", "cc-by-nc-4.0"]
SIZES = (0.5, 1.5, 3, 4, 7, 8, 14, 32, 70)
HERE = Here(room=Room(gpu=0, main=12_000_000_000), providers={"ollama": ("gguf",), "vllm": ("safetensors",)})
SEARCHES = (
    "qwen3 instruct",
    "qw",
    "instruct",
    "instruc",
    "instruct qwen3 mistral",
    "lama",
    "gemma3 arch:gemma size:<=8b",
    "instruct arch:qwen3 size:<=8b quant:q4 can:vision fits:yes",
    "instruct arch:phi3 can:code can:embedding can:vision can:tools can:reasoning can:multilingual",
    "arch:llama size:<=8b quant:q4 can:vision fits:yes provider:ollama license:apache-2.0 sort:downloads",
    "quant:q2_k sort:new",
    "can:tools,vision fits:no sort:likes",
    "license:mit size:3b-8b sort:trending",
    "provider:vllm",
    "chat size:<1b context:>=32k sort:updated",
    "arch:mamba quant:iq2 disk:<1GB can:embedding can:reasoning can:vision",
)


def words(random: Random) -> list[str]:
    """Return made-up words."""
    return [
        "".join(random.choice("bdfgklmnprst") + random.choice("aeiou") for _ in range(random.randint(2, 4)))
        for _ in range(20_000)
    ]


def entries(count: int) -> Iterator[CatalogEntry]:
    """Yield entries of a hub: a few publishers have most of them, few have most downloads."""
    random = Random(7)
    known = words(random)

    def word(mean: float) -> str:
        return known[min(len(known) - 1, int(random.expovariate(1 / mean)))]

    for number in range(count):
        architecture, size = random.choice(ARCHITECTURES), random.choice(SIZES)
        publisher, title = (
            word(500),
            f"{architecture}-{word(4000)}-{size}B-{random.choice(['Instruct', 'Chat', 'Base'])}",
        )
        name = f"{publisher}/{title}-{number}-GGUF"
        downloads = int(10 ** random.uniform(0, 6))
        yield CatalogEntry(
            ref=f"hub:{name}",
            catalog="hub",
            name=name,
            title=title,
            summary=" ".join(word(3000) for _ in range(25)),
            license=random.choice(LICENSES),
            architecture=architecture,
            capabilities=tuple(random.sample(CAPABILITIES, 3)),
            context_length=random.choice((4096, 8192, 32768, 131072)),
            formats=("gguf",) if random.random() < 0.8 else ("safetensors",),
            variants=tuple(variants(random, name, size)),
            publisher=publisher,
            downloads=downloads,
            likes=downloads // 40,
            trending=random.random(),
            created_at=START + timedelta(minutes=random.randrange(10**6)),
            updated_at=START + timedelta(minutes=random.randrange(10**6)),
        )


def variants(random: Random, name: str, size: float) -> Iterator[Variant]:
    """Yield the builds of an entry, as a list of repositories tells them: names, and digests of every tenth."""
    told = random.random() < 0.1
    for each in random.sample(QUANTIZATIONS, random.randint(3, 10)):
        file = WantedFile(
            name=f"{name.rpartition('/')[2]}-{each}.gguf",
            sources=(HttpSource(url=f"https://hub.example/{name}/resolve/main/{each}.gguf"),),
            size=int(size * 5e8) if told else None,
            sha256=f"{random.getrandbits(256):064x}" if told else None,
        )
        yield Variant(
            ref=f"hub:{name}:{each}", catalog="hub", name=name, variant=each, quantization=each, files=(file,)
        )


def build(index: Index, count: int) -> None:
    """Record the entries, a thousand a page."""
    pages: list[list[CatalogEntry]] = [[]]
    for entry in entries(count):
        if len(pages[-1]) == 1000:
            pages.append([])
        pages[-1].append(entry)
    wall, cpu = time.perf_counter(), time.process_time()
    for number, page in enumerate(pages):
        told = Page(state=str(number), entries=tuple(page), more=number + 1 < len(pages))
        index.change(lambda connection, told=told: _write.put(connection, "hub", "hub", told, START), more=told.more)
    print(
        f"build of {count} entries: {time.perf_counter() - wall:.1f} s, {time.process_time() - cpu:.1f} s of processor"
    )


@contextmanager
def installed_there(home: Path, index: Index, count: int) -> Iterator[Read]:
    """Yield what a search is told of a machine that has the most popular of the models."""
    there = index.read(lambda connection: _read.entries(connection, most=count))

    def add(write: Write) -> None:
        for number, entry in enumerate(there):
            (file,) = entry.variants[0].files
            stored = StoredFile(name=file.name, sha256=file.sha256 or f"{number:064x}", size=1, format="gguf")
            write.add_model(Model(id=f"m{number}", ref=entry.variants[0].ref, files=(stored,), installed_at=START))

    with open_registry(home / FILE_NAME, home / "run") as registry:
        registry.change(add)
        yield registry.read


def measure(index: Index, rounds: int, read: Read) -> Iterator[tuple[str, int, list[float]]]:
    """Yield each search, how many cards it finds, and its times."""
    for text in SEARCHES:
        times = []
        for _ in range(rounds):
            started = time.process_time()
            find = partial(_read.find, query=parse(text), limit=20, here=HERE, installed=Recorded(read))
            found = index.read(find)
            times.append((time.process_time() - started) * 1000)
        yield text, len(found.cards), times


def shown(times: Sequence[float]) -> str:
    """Return median, p95 and p99 of milliseconds."""
    cut = statistics.quantiles(times, n=100)
    return f"{statistics.median(times):7.2f} {cut[94]:7.2f} {cut[98]:7.2f}"


def whole(home: Path, rounds: int) -> None:
    """Print the median time of the command, and of a Python that does nothing."""
    env = os.environ | {"PAPIN_HOME": str(home)}
    for argv in (
        [sys.executable, "-c", "pass"],
        [sys.executable, "-m", "papin.launch", "models", "search", "instruct arch:qwen3 fits:yes"],
    ):
        times = []
        for _ in range(rounds):
            started = time.perf_counter()
            subprocess.run(argv, env=env, stdout=subprocess.DEVNULL, check=True)
            times.append((time.perf_counter() - started) * 1000)
        print(f"{statistics.median(times):7.0f} ms  {' '.join(argv[1:])}")


def main() -> None:
    """Run everything."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        index = Index(home / "data")
        build(index, count)
        print(f"its file: {sum(each.stat().st_size for each in (home / 'data').iterdir()) / 1e6:.0f} MB")
        everything: list[float] = []
        with installed_there(home / "few", index, 50) as read:
            for text, found, times in measure(index, rounds, read):
                everything += times
                print(f"{shown(times)}  {found:3} found  {text}")
        print(f"{shown(everything)}  of all")
        with installed_there(home / "many", index, count // 10) as read:
            everything = [each for _, _, times in measure(index, rounds, read) for each in times]
        print(f"{shown(everything)}  of all, {count // 10} models being installed")
        index.close()
        whole(home, 10)


if __name__ == "__main__":
    main()
