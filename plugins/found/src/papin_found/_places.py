"""Where each program keeps its models: pure functions over the environment, and one look for files that say so.

The defaults are those of the programs' own sources and documents; a user who moved a folder says so in the settings.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

__all__ = ["Machine", "docker", "gpt4all", "huggingface", "jan", "llamacpp", "lmstudio", "ramalama"]

_SMALL = 1 << 20


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What decides where a program puts its things. `system` is `linux`, `darwin` or `win32`."""

    home: Path
    system: str = "linux"
    environ: Mapping[str, str] = {}

    @classmethod
    def this(cls) -> Machine:
        """Return the one that this runs on."""
        return cls(home=Path.home(), system=sys.platform, environ=dict(os.environ))

    def variable(self, *names: str) -> Path | None:
        """Return the folder that the first set variable of `names` names, or None."""
        given = next((self.environ[name] for name in names if self.environ.get(name)), "")
        return self.home / given.removeprefix("~/") if given.startswith("~/") else Path(given) if given else None

    def data(self, name: str) -> Path:
        """Return where a program of that name has its data, by the habits of the system."""
        if self.system == "darwin":
            return self.home / "Library/Application Support" / name
        if self.system == "win32":
            return (self.variable("APPDATA") or self.home / "AppData/Roaming") / name
        return (self.variable("XDG_DATA_HOME") or self.home / ".local/share") / name

    @property
    def cache(self) -> Path:
        """Return where programs put what can be fetched again."""
        if self.system == "darwin":
            return self.home / "Library/Caches"
        if self.system == "win32":
            return self.variable("LOCALAPPDATA") or self.home / "AppData/Local"
        return self.variable("XDG_CACHE_HOME") or self.home / ".cache"


def lmstudio(machine: Machine) -> Path:
    """Return LM Studio's models folder, as its pointer and its settings say. Reads two small files."""
    pointed = _text(machine.home / ".lmstudio-home-pointer").strip()
    older = machine.home / ".cache/lm-studio"
    home = Path(pointed) if pointed.startswith("/") else older if older.is_dir() else machine.home / ".lmstudio"
    try:
        said = json.loads(_text(home / "settings.json") or "{}")
    except (ValueError, RecursionError):
        said = {}
    chosen = said.get("downloadsFolder") if isinstance(said, dict) else None
    return Path(chosen) if isinstance(chosen, str) and Path(chosen).is_absolute() else home / "models"


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_SMALL).decode(errors="replace")
    except OSError:
        return ""


def jan(machine: Machine) -> Path:
    """Return Jan's data folder."""
    return machine.data("Jan") / "data"


def gpt4all(machine: Machine) -> Path:
    """Return GPT4All's models folder."""
    if machine.system == "win32":
        return machine.cache / "nomic.ai/GPT4All"
    return machine.data("nomic.ai") / "GPT4All"


def huggingface(machine: Machine) -> Path:
    """Return the cache of the Hugging Face libraries."""
    hub = machine.variable("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")
    home = machine.variable("HF_HOME")
    base = machine.variable("XDG_CACHE_HOME") or machine.home / ".cache"  # on every system
    return hub or (home / "hub" if home else base / "huggingface/hub")


def llamacpp(machine: Machine) -> Path:
    """Return the cache that llama.cpp had before it shared that of Hugging Face, and has where it is told so."""
    return machine.variable("LLAMA_CACHE") or machine.cache / "llama.cpp"


def docker(machine: Machine) -> Path:
    """Return Docker Model Runner's store."""
    return machine.home / ".docker/models"


def ramalama(machine: Machine) -> Path:
    """Return RamaLama's folder."""
    own = machine.variable("RAMALAMA_STORE") or machine.data("ramalama")
    system = Path("/var/lib/ramalama")
    return system if not own.is_dir() and system.is_dir() else own
