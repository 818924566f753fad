"""Lives of papin that end badly, and what has to be true after each of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

import trio

from papin.testing.fault_scripts import ok

from .audit import SECRET, store_of

LAB = Path(__file__).with_name("lab.py")
SHIM = Path(__file__).with_name("shim.c")
SITE = Path(__file__).with_name("site")


@dataclass
class Life:
    """How a child ended (negative: by that signal), and what it said."""

    status: int
    said: list[list] = field(default_factory=list)

    def of(self, word):
        """What it said that begins with `word`."""
        return [rest for first, *rest in self.said if first == word]

    @property
    def error(self):
        """The code of the error that it ended with, or nothing."""
        return next((error[0] for error in self.of("error")), "")

    def ended(self, step):
        """Tell whether a step was acknowledged."""
        return step in [name for name, *_ in self.of("ended")]

    @property
    def calls(self):
        return self.of("calls")[0][0]

    @property
    def state(self):
        return self.of("state")[-1][0]


class Lab:
    """Runs children of a process that has papin imported."""

    def __init__(self, preload):
        environ = os.environ | {"PYTHONPATH": str(SITE)} | ({"LD_PRELOAD": str(preload)} if preload else {})
        self._process = subprocess.Popen(
            [sys.executable, str(LAB)], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._turn = threading.Lock()

    def close(self):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def ask(self, *words):
        with self._turn:
            self._process.stdin.write(json.dumps(words).encode() + b"\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

    def start(self, home, *steps, settings=None, **arms):
        """Begin a life in the home folder `home`; return its process id."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PAPIN_")}
        ours = {"PAPIN_HOME": str(home), "PAPIN_STORAGES__STORE__RESERVE": "0", "HF_TOKEN": SECRET}
        # What a program here may have is nothing to these homes.
        ours["PAPIN_PROVIDERS__OLLAMA__URL"] = "http://127.0.0.1:1"
        environ = kept | ours | (settings or {})
        return self.ask("start", environ, steps, arms)

    async def end(self, child):
        return Life(*await trio.to_thread.run_sync(self.ask, "end", child))

    async def live(self, home, *steps, **arms):
        """Live from the first of `steps` to the last, or to the end that `arms` bring (see `lab.arm`)."""
        return await self.end(self.start(home, *steps, **arms))


class Telling:
    """Plays scripts to the requests for bytes, in turn; `reached` is set when so many bytes were sent."""

    def __init__(self, *scripts, at=0):
        self._scripts = list(scripts)
        self._at = at
        self.reached = trio.Event()

    async def __call__(self, exchange):
        if exchange.request.method == "HEAD":
            await ok()(exchange)
            return
        send = exchange.send

        async def counting(data):
            await send(data)
            if exchange.server.sent >= self._at:
                self.reached.set()

        exchange.send = counting
        await (self._scripts.pop(0) if self._scripts else ok())(exchange)


def orphans(home, digests):
    """Everything in the store that is of no model; `digests` are those of the files of each model, by its id."""
    root = store_of(home)
    kept = {digest for each in digests.values() for digest in each}
    found = [path for path in (root / "blobs").rglob("*") if path.is_file() and path.name not in kept]
    found += [path for path in (root / "incoming").rglob("*") if path.is_file() and path.name != "lock"]
    found += [path for path in (root / "models").iterdir() if path.stem not in digests]
    found += [path for path in (root / "by-name").iterdir() if path.name not in digests]
    return found + list(home.rglob("*.tmp"))
