"""One laboratory for all tests here, quick homes, a model to fetch, and how much is to be tried."""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

import pytest

from .laboratory import SHIM, Lab

EVERYTHING = os.environ.get("PAPIN_TEST_FAULTS") == "all"
"""Try every point, and not only some of them. Takes minutes."""


def pytest_collection_modifyitems(items):
    """Let everything take its time."""
    for item in items:
        if EVERYTHING and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(3600))


def some(points, count):
    """Return all of `points`, or `count` of them spread evenly over them, the first and the last among them."""
    points = list(points)
    if EVERYTHING or len(points) <= count:
        return points
    return [points[at * (len(points) - 1) // (count - 1)] for at in range(count)]


def make_gguf(seed=0, size=5 << 20, template=""):
    """A valid GGUF v3 file with one tensor of so many bytes, which are another ones for each seed."""

    def text(value):
        return struct.pack("<Q", len(value)) + value.encode()

    pairs = text("general.architecture") + struct.pack("<I", 8) + text("llama")
    tensor = text("token_embd.weight") + struct.pack("<IQIQ", 1, size // 4, 0, 0)
    if template:
        pairs += text("tokenizer.chat_template") + struct.pack("<I", 8) + text(template)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 2 if template else 1) + pairs + tensor
    return head + bytes(-len(head) % 32) + hashlib.shake_256(str(seed).encode()).digest(size)


@pytest.fixture(scope="session")
def body():
    return make_gguf()


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    """The library that makes calls fail."""
    made = tmp_path_factory.mktemp("shim") / "shim.so"
    try:
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", made, SHIM, "-ldl"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs a C compiler: {error}")
    return made


@pytest.fixture(scope="session")
def lab(shim):
    made = Lab(shim)
    yield made
    made.close()


@pytest.fixture
def homes(tmp_path):
    """A folder for homes, in memory where there is such a file system: most of a life is fsync."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as folder:
        yield Path(folder)


def spare(folder):
    """Remove a home that is no longer needed."""
    shutil.rmtree(folder)
