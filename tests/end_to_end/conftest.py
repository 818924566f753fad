"""A home of its own for each test, a tiny model file, and the real program as a child process."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

LAUNCH = [sys.executable, "-c", "import sys; from papin.launch import main; sys.exit(main())"]


def tiny_gguf(seed: int = 0, payload: int = 4096) -> bytes:
    """Return a valid GGUF v3 file with one tensor of 32-bit floats, `payload` bytes long; the seed makes it unique."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    pairs = text("general.architecture") + struct.pack("<I", 8) + text("llama")
    pairs += text("general.name") + struct.pack("<I", 8) + text(f"tiny {seed}")
    tensor = text("token_embd.weight") + struct.pack("<IQIQ", 1, payload // 4, 0, 0)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 2) + pairs + tensor
    return head + bytes(-len(head) % 32) + bytes((seed + at) % 256 for at in range(256)) * (payload // 256)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def environ(home: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PAPIN_")}
    return {**kept, "PAPIN_HOME": str(home), "PYTHONWARNINGS": "error"}


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(tiny_gguf())
    return path


class Program:
    """The program `papin`, run to its end or held as a child."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.environ = environ

    def __call__(self, *arguments: object, status: int = 0, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [*LAUNCH, *map(str, arguments)]
        done = subprocess.run(command, env=self.environ, input=stdin, capture_output=True, text=True)
        assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*LAUNCH, *map(str, arguments)], env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )


@pytest.fixture
def papin(environ: dict[str, str]) -> Program:
    return Program(environ)
