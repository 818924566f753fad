"""Where results, progress and JSON go: results to stdout, everything else to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

__all__ = ["Output", "ReaderGone", "Unwritable"]

# What a terminal that does not tell its width is taken for.
_WIDTH = 80


class ReaderGone(Exception):
    """Whoever read our stdout went away (`papin models list | head`): stop without a word."""


class Unwritable(Exception):
    """What was to be written to stdout could not be: a full disk behind `> file`, for example. Its text is why."""


class Output:
    """The two streams of a command, and whether it speaks JSON.

    With `json`, stdout carries JSON and nothing else: one document, or one object a line where a command tells of
    several things one after the other. Such a line has exactly one key that names what it holds.
    """

    def __init__(self, *, json: bool = False, stdout: TextIO | None = None, stderr: TextIO | None = None) -> None:
        self.json = json
        self._stdout = stdout or sys.stdout or _nowhere()
        self._stderr = stderr or sys.stderr or _nowhere()
        self._above: Callable[[str], None] | None = None

    @property
    def width(self) -> int | None:
        """The width to fit tables into, or None where nobody looks at it on a terminal."""
        if not self._stdout.isatty():
            return None
        try:
            return os.get_terminal_size(self._stdout.fileno()).columns or _WIDTH
        except OSError:
            return _WIDTH

    @property
    def interactive(self) -> bool:
        """Tell whether a person can be asked: both the question and the answer go through a terminal."""
        return not self.json and sys.stdin is not None and sys.stdin.isatty() and self._stderr.isatty()

    @property
    def animated(self) -> bool:
        """Tell whether stderr can show a bar that redraws itself."""
        return not self.json and self._stderr.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "")

    @property
    def unicode(self) -> bool:
        """Tell whether stdout can show more than ASCII."""
        return (self._stdout.encoding or "").lower().replace("-", "").startswith("utf")

    def text(self, text: str, *, end: str = "\n") -> None:
        """Write text for a person to stdout; nothing with `json`. It must be safe to print."""
        if not self.json:
            self._write(text + end)

    def note(self, text: str, *, end: str = "\n") -> None:
        """Write text for a person to stderr; nothing with `json`. It must be safe to print."""
        if self.json:
            return
        if self._above is not None:
            self._above(text)
            return
        with suppress(OSError):  # a remark that nobody can be told is no reason to stop
            self._stderr.write(text + end)
            self._stderr.flush()

    @contextmanager
    def noting_by(self, write: Callable[[str], None]) -> Iterator[None]:
        """Hand notes to `write` meanwhile, which knows what else is drawn on the terminal."""
        self._above = write
        try:
            yield
        finally:
            self._above = None

    def document(self, value: Any) -> None:
        """Write `value` as the one JSON document of a command: indented on a terminal, on one line elsewhere."""
        import msgspec  # noqa: PLC0415 - only needed with --json, and it takes a third of the start-up

        data = msgspec.json.encode(value)
        self._write(_escaped((msgspec.json.format(data) if self._stdout.isatty() else data).decode()) + "\n")

    def line(self, key: str, value: Any) -> None:
        """Write `{"key": value}` as one line of JSON."""
        import msgspec  # noqa: PLC0415 - as above

        self._write(_escaped(msgspec.json.encode({key: value}).decode()) + "\n")

    def raw_line(self, data: bytes) -> None:
        """Write one line of JSON that is encoded already."""
        self._write(_escaped(data.decode()) + "\n")

    def flush(self) -> None:
        """Hand everything to the system, so that a reader that went away is noticed now."""
        self._write("")

    def _write(self, text: str) -> None:
        try:
            self._stdout.write(text)
            self._stdout.flush()
        except BrokenPipeError:
            raise ReaderGone from None
        except OSError as error:
            raise Unwritable(error.strerror or str(error)) from error


def _nowhere() -> TextIO:
    """Return what takes the place of a stream that the shell closed (`papin models list >&-`)."""
    return Path(os.devnull).open("w", encoding="utf-8")  # for as long as the process


def _escaped(text: str) -> str:
    """Return JSON text in which what a terminal could act upon is written by its number."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter == "\n" else _escape(letter) for letter in text)


def _escape(letter: str) -> str:
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
