from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from papin._config.lines import line_of
from papin.errors import ConfigInvalid

LIMIT = 1 << 20
"""The most bytes that a configuration file may have."""

KINDS = ("providers", "catalogs", "formats", "storages", "policies", "recommenders", "frontends")
"""The tables at the top of the file, each with one table for each plugin of that kind."""

KIND = "kind"
"""The key that makes a table another instance of a provider or catalog: `[providers.gpu-box] kind = "ollama"`."""

INSTANCES = {"providers": "provider", "catalogs": "catalog"}
"""The tables that have instances, and the word for one of them."""

PREFIX = "PAPIN_"
NOT_SETTINGS = {"PAPIN_HOME", "PAPIN_FRONTEND"}
"""Variables that are read before the configuration is."""

TOKENS = "PAPIN_TOKEN_"
"""How the variables with the user's tokens begin (`papin.credentials`), which are no settings and shown nowhere."""


class Override(msgspec.Struct, frozen=True):
    """A variable that sets what `path` leads to."""

    variable: str
    path: tuple[str, ...]
    text: str


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What was read, undecoded."""

    file: Path
    text: str
    data: dict[str, Any]
    overrides: tuple[Override, ...] = ()

    def refuse(self, path: tuple[str, ...], what: str, *, next_step: str = "") -> ConfigInvalid:
        """Return the error that names the file, the line and the key."""
        line = line_of(self.text, path)
        return invalid(self.file, f"{'.'.join(path)}: {what}" if path else what, line=line, next_step=next_step)


def invalid(file: Path, what: str, *, line: int | None = None, next_step: str = "") -> ConfigInvalid:
    """Return the error about `file`."""
    place = f"{file}, line {line}" if line else str(file)
    return ConfigInvalid(f"{place}: {what}", next_step=next_step or f"Correct {file}.")


def read_source(file: Path, environ: Mapping[str, str]) -> Source:
    """Read `file`, if it is there, and the variables.

    Raises:
        ConfigInvalid: it is there but cannot be read, is too large or no TOML; or a variable names nothing.
    """
    text = read_text(file)
    return Source(file=file, text=text, data=parse(file, text), overrides=tuple(_overrides(environ)))


def read_text(file: Path) -> str:
    """Return what `file` says without a byte order mark, or nothing when there is no such file."""
    try:
        data = _read_bytes(file)
    except FileNotFoundError as error:
        if file.is_symlink():
            raise invalid(file, "it is a link to a file that is not there") from error
        return ""
    except OSError as error:
        step = f"Make {file} a file that you may read, or move it away."
        if isinstance(error, NotADirectoryError):
            step = f"{file.parent} has to be a folder: move what is there away, or set PAPIN_HOME to another one."
        raise invalid(file, f"it cannot be read: {error.strerror}", next_step=step) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise invalid(file, "it is not UTF-8", line=line, next_step=f"Save {file} as UTF-8.") from error


def _read_bytes(file: Path) -> bytes:
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    with open(descriptor, "rb", buffering=0) as opened:  # noqa: PTH123  it is open already: a pipe must not block us
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise invalid(file, "it is not a regular file", next_step=f"Move {file} away.")
        data = opened.read(LIMIT + 1)
    if len(data) > LIMIT:
        raise invalid(file, f"it has more than {LIMIT} bytes", next_step=f"Move {file} away; papin makes a new one.")
    return data


def parse(file: Path, text: str) -> dict[str, Any]:
    """Return the TOML of `text`, read from `file`."""
    if not text.strip():
        return {}
    import tomllib  # noqa: PLC0415  most machines have no file, and pay nothing

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, _, place = str(error).rpartition(" (at line ")
        line = int(place.split(",")[0]) if what else None
        raise invalid(file, what or str(error), line=line) from error
    except (ValueError, RecursionError) as error:
        raise invalid(file, f"it is no TOML that papin reads: {error}") from error


def _overrides(environ: Mapping[str, str]) -> list[Override]:
    found = []
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and variable not in NOT_SETTINGS and not variable.startswith(TOKENS):
            path = tuple(variable[len(PREFIX) :].lower().split("__"))
            found.append(Override(variable, path, _decoded(variable, environ[variable])))
    return found


def _decoded(variable: str, text: str) -> str:
    """Return `text`, in which Python hides the bytes that are no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ConfigInvalid(
            f"The variable {variable}: it is not UTF-8", next_step=f"Correct it, or type: unset {variable}"
        ) from error
    return text
