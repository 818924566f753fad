"""A home of its own for each test, a tiny model file, and the real program as a child process."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from papin.kernel import Kernel
from papin.models import HttpSource, Job, Variant, WantedFile
from papin.testing.samples import sha256_of, tiny_gguf
from papin.testing.warm import LAUNCH, Child, Warm

CATALOG = """
from contextlib import asynccontextmanager
from pathlib import Path
import msgspec
from papin.catalogs import Catalog
from papin.errors import NotFound
from papin.hookspecs import hookimpl
from papin.models import Variant

class Shelf:
    async def resolve(self, name, variant):
        file = Path(__file__).with_name(name + ".json")
        if not file.exists():
            raise NotFound("not on this shelf")
        return msgspec.json.decode(file.read_bytes(), type=Variant)

@asynccontextmanager
async def open_shelf(context):
    yield Shelf()

@hookimpl
def papin_catalogs():
    yield Catalog(name="shelf", prefix="shelf", summary="", open=open_shelf)
"""


def wanted(name: str, *urls: str, body: bytes | None = None, **more: Any) -> WantedFile:
    """Return a file at addresses on this machine, promised to be `body` if that is given."""
    sources = tuple(HttpSource(url=url, user_named=True) for url in urls)
    promised: dict[str, Any] = {} if body is None else {"size": len(body), "sha256": sha256_of(body)}
    return WantedFile(name=name, sources=sources, **promised | more)


async def download(kernel: Kernel, ref: str, name: str | None = None) -> Job:
    """Return the job of a download, once it has ended well."""
    return await kernel.downloads.wait((await kernel.downloads.start(ref, name=name)).id)


async def states(kernel: Kernel, job: Job) -> list[Job]:
    """Return a job as it changes, to its end."""
    async with aclosing(kernel.downloads.follow(job.id)) as changes:
        return [each async for each in changes]


async def arrived(child: Child | subprocess.Popen[str], least: int = 1) -> None:
    """Read what a child says, with --json, until so many bytes have come; 0 is until its job is there."""

    def read() -> None:
        assert child.stdout is not None
        for line in child.stdout:
            job = json.loads(line).get("job")
            if job and ((job["progress"] or {}).get("done", 0) >= least):
                return
        raise AssertionError("it ended before")

    await trio.to_thread.run_sync(read)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def environ(home: Path) -> dict[str, str]:
    return Program.plain_environ(home)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(tiny_gguf())
    return path


class Program:
    """The program `papin`, run to its end or held as a child."""

    def __init__(self, environ: dict[str, str], warm: Warm) -> None:
        self.environ = environ
        self._warm = warm
        self._children: list[Child | subprocess.Popen[str]] = []

    @staticmethod
    def plain_environ(home: Path) -> dict[str, str]:
        """Return the environment with a home of its own, and nothing else of papin."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PAPIN_")}
        # In a home without models of other programs.
        return {**kept, "PAPIN_HOME": str(home), "HOME": f"{home}-user", "PYTHONWARNINGS": "error"}

    def __call__(self, *arguments: object, status: int = 0, stdin: str = "") -> subprocess.CompletedProcess[str]:
        done = self._warm.run(LAUNCH, *map(str, arguments), environ=self.environ, given=stdin)
        assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *arguments: object) -> Child | subprocess.Popen[str]:
        child = self._warm.start(LAUNCH, *map(str, arguments), environ=self.environ)
        self._children.append(child)
        return child

    def end(self) -> None:
        """End what a test that failed left running."""
        for child in self._children:
            with child:
                child.kill()


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    with Warm(Program.plain_environ(Path())) as warm:
        yield warm


@pytest.fixture
def papin(environ: dict[str, str], warm: Warm) -> Iterator[Program]:
    program = Program(environ, warm)
    yield program
    program.end()


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts models into a catalog that a distribution on `sys.path` brings, as one that pip installed would."""
    site = tmp_path / "site"
    info = site / "papin_shelf-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "papin_shelf.py").write_text(CATALOG)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: papin-shelf\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[papin]\nshelf = papin_shelf\n")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "papin_shelf", raising=False)

    def put(name: str, *files: WantedFile) -> None:
        variant = Variant(ref=f"shelf:{name}", catalog="shelf", name=name, variant="", files=files)
        (site / f"{name}.json").write_bytes(msgspec.json.encode(variant))

    return put


@pytest.fixture
def put(shelf: Callable[..., None], tmp_path: Path) -> Callable[..., None]:
    """Puts a model with a revision on the shelf."""

    def put(name: str, *files: WantedFile, revision: str = "") -> None:
        shelf(name, *files)
        file = tmp_path / "site" / f"{name}.json"
        variant = msgspec.json.decode(file.read_bytes(), type=Variant)
        file.write_bytes(msgspec.json.encode(msgspec.structs.replace(variant, revision=revision)))

    return put
