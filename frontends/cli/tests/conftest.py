"""The real `papin` in a child process, with a home of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from papin.models import Model, StoredFile

PAPIN = Path(sys.executable).with_name("papin")
NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str

    def json(self, kind=object):
        return msgspec.json.decode(self.out.encode(), type=kind)

    def lines(self):
        return [msgspec.json.decode(line) for line in self.out.splitlines()]


class Papin:
    """Calls `papin` with `PAPIN_HOME` in a folder of the test."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environ = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("PAPIN_", "_PAPIN", "XDG_"))},
            "PAPIN_HOME": str(home),
            "TERM": "xterm-256color",
            "LC_ALL": "C.UTF-8",
        }

    def start(self, *arguments: str, **options) -> subprocess.Popen:
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(
            [PAPIN, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environ, **options
        )

    def __call__(self, *arguments: str, stdin: str | None = None, **environ: str) -> Result:
        done = subprocess.run(
            [PAPIN, *arguments],
            capture_output=True,
            check=False,
            env={**self.environ, **environ},
            input=None if stdin is None else stdin.encode(),
            stdin=subprocess.DEVNULL if stdin is None else None,
            timeout=120,
        )
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def papin(tmp_path):
    return Papin(tmp_path / "home")


@pytest.fixture
def now():
    return NOW


@pytest.fixture
def make_model():
    def make(name="smollm2", **changes):
        file = StoredFile(name=f"{name}.gguf", sha256="ab" * 32, size=98_362_432, format="gguf")
        fields = {
            "id": name,
            "ref": f"starter:{name}",
            "files": (file,),
            "installed_at": NOW,
            "size": 98_362_432,
            "parameters": 134_515_008,
            "quantization": "Q4_1",
            "context_length": 8192,
            "format": "gguf",
            "architecture": "llama",
        }
        return Model(**(fields | changes))

    return make
