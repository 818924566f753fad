"""The real `papin` in a child process, with a home of its own; on a terminal it is the installed script."""

import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from papin.models import Model, StoredFile
from papin.testing.terminal import Terminal
from papin.testing.warm import SCRIPT, Child, Warm

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


def plain_environ() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PAPIN_", "_PAPIN", "XDG_"))}
    return {**kept, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}


class Papin:
    """Calls `papin` with `PAPIN_HOME` in a folder of the test."""

    def __init__(self, home: Path, warm: Warm) -> None:
        self.home = home
        self._warm = warm
        self._opened: list[Terminal] = []
        self._used_engine = False
        self.environ = {
            **plain_environ(),
            "PAPIN_HOME": str(home),
            "HOME": f"{home}-user",  # where no other program keeps models
        }

    def _note(self, arguments: tuple[str, ...]) -> None:
        self._used_engine |= arguments[:1] == ("run",) or arguments[:2] == ("models", "load")

    def start(self, *arguments: str) -> Child | subprocess.Popen:
        self._note(arguments)
        return self._warm.start(SCRIPT, *arguments, environ=self.environ, text=False)

    def on_terminal(self, *arguments: str, columns: int = 100, **environ: str) -> Terminal:
        self._note(arguments)
        terminal = Terminal([PAPIN, *arguments], {**self.environ, **environ}, columns)
        self._opened.append(terminal)
        return terminal

    def close(self) -> None:
        """End what the test left: terminals, and engines, which outlive the command that started them."""
        for terminal in self._opened:
            terminal.close()
        for loaded in self("--json").json().get("loaded", ()) if self._used_engine and self.home.exists() else ():
            self("models", "unload", loaded["model"])

    def __call__(self, *arguments: str, stdin: str | None = None, **environ: str) -> Result:
        self._note(arguments)
        done = self._warm.run(
            SCRIPT,
            *arguments,
            environ={**self.environ, **environ},
            text=False,
            given=None if stdin is None else stdin.encode(),
            timeout=120,
        )
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture(scope="session")
def warm():
    with Warm(plain_environ()) as warm:
        yield warm


@pytest.fixture
def papin(tmp_path, warm):
    made = Papin(tmp_path / "home", warm)
    yield made
    made.close()


@pytest.fixture(scope="module")
def answering(tmp_path_factory, warm):
    """A papin whose model is there and in memory, for all tests of a module that ask it."""
    made = Papin(tmp_path_factory.mktemp("answering") / "home", warm)
    assert made("models", "download", "smollm2").status == 0
    assert made("models", "load", "smollm2", "--ctx", "2048").status == 0
    yield made
    made.close()


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
