"""The real `papin` in a child process, with a home of its own."""

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from papin.models import Model, StoredFile

PAPIN = Path(sys.executable).with_name("papin")
OWN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
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


class Terminal:
    """A program on a terminal of its own, as a person uses it."""

    def __init__(self, arguments, environ, columns=100):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))

        self.child = subprocess.Popen(
            [sys.executable, "-c", OWN_TERMINAL, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environ,
            start_new_session=True,
        )
        os.close(slave)
        self._master = master
        self.shown = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def until(self, text, seconds=60):
        """Read until `text`, or what a pattern finds, is shown; return all that is shown. The next call looks behind it."""
        end = time.monotonic() + seconds
        start = len(self.shown) if not hasattr(self, "_seen") else self._seen
        pattern = re.compile(re.escape(text) if isinstance(text, str) else text)
        while (found := pattern.search(self.shown, start)) is None:
            assert select.select([self._master], [], [], max(0, end - time.monotonic()))[0], (
                f"no {text!r} in {self.shown}"
            )
            assert self._read(), f"ended without {text!r}: {self.shown}"
        self._seen = found.end()
        return self.shown

    def _read(self):
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux says so when the other end is closed
            return False
        self.shown += self._decoder.decode(data)
        # What a terminal answers when it is asked where its cursor is.
        if b"\x1b[6n" in data:
            os.write(self._master, b"\x1b[1;1R")
        return bool(data)

    def type(self, text):
        os.write(self._master, text.encode())

    def end(self):
        """Read to the end; return the exit status."""
        while self._read():
            pass
        return self.child.wait(timeout=30)

    def close(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        os.close(self._master)


class Papin:
    """Calls `papin` with `PAPIN_HOME` in a folder of the test."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._opened: list[Terminal] = []
        self._used_engine = False
        self.environ = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("PAPIN_", "_PAPIN", "XDG_"))},
            "PAPIN_HOME": str(home),
            "HOME": f"{home}-user",  # where no other program keeps models
            "TERM": "xterm-256color",
            "LC_ALL": "C.UTF-8",
        }

    def _note(self, arguments: tuple[str, ...]) -> None:
        self._used_engine |= arguments[:1] == ("run",) or arguments[:2] == ("models", "load")

    def start(self, *arguments: str, **options) -> subprocess.Popen:
        self._note(arguments)
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(
            [PAPIN, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environ, **options
        )

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
    made = Papin(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture(scope="module")
def answering(tmp_path_factory):
    """A papin whose model is there and in memory, for all tests of a module that ask it."""
    made = Papin(tmp_path_factory.mktemp("answering") / "home")
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
