"""`papin serve` as a child process, in a home of its own."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

from papin.testing.warm import LAUNCH, Warm


def plain_environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PAPIN_")}


class Server:
    """A running `papin serve`; leaving ends it."""

    def __init__(self, warm: Warm, home: Path, *arguments: str, **environ: str) -> None:
        # An Ollama of this machine is not theirs.
        own = {"PAPIN_HOME": str(home), "HOME": f"{home}-user", "PAPIN_PROVIDERS__OLLAMA__URL": "http://127.0.0.1:1"}
        self._child = warm.start(LAUNCH, "serve", *arguments, environ={**plain_environ(), **own, **environ})
        self.said = ""

    def __enter__(self):
        while "Ctrl-C" not in self.said:
            line = self._child.stdout.readline()
            assert line, self.end(signal.SIGKILL)
            self.said += line
        self.address = re.search(r"http://\S+", self.said).group()
        self.port = int(self.address.rpartition(":")[2])
        self.token_file = Path(re.search(r"is in (.*)", self.said).group(1))
        self.token = self.token_file.read_text().strip()
        return self

    def __exit__(self, *_):
        if self._child.poll() is None:
            self.end(signal.SIGTERM)

    def signal(self, number: int) -> None:
        self._child.send_signal(number)

    def end(self, number: int | None = None) -> tuple[int, str, str]:
        """Return the status, stdout and stderr once it has ended, after a signal if one is given."""
        if number is not None:
            self._child.send_signal(number)
        out, err = self._child.communicate()
        return self._child.returncode, self.said + out, err
