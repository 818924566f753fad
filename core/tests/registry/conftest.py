"""A registry of its own for each test, models to put into it, and child processes that use it too."""

from __future__ import annotations

import os
import subprocess
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from papin._registry import FILE_NAME, open_registry
from papin.events import ModelInstalled
from papin.library import Library
from papin.models import Job, Model, StoredFile
from papin.testing.warm import Warm

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)

_BEGIN = """
import sys
import warnings
from pathlib import Path
from papin._registry import open_registry, this_process
from papin.events import ModelChanged
from papin.events import ModelInstalled
from papin.library import Library
warnings.simplefilter("error")
home = Path(sys.argv[1])
file, run = home / "data" / "registry.db", home / "run"
"""


class Home:
    """A folder like `PAPIN_HOME`, with what a test does to the registry in it."""

    def __init__(self, root: Path, stack: ExitStack, warm: Warm) -> None:
        self.root = root
        self._warm = warm
        self.file = root / "data" / FILE_NAME
        self.run = root / "run"
        self._stack = stack

    def open(self, **options):
        return self._stack.enter_context(open_registry(self.file, self.run, **options))

    def library(self):
        return self._stack.enter_context(Library(self.file, self.run))

    def beside(self, suffix):
        return self.file.with_name(self.file.name + suffix)

    def aside(self, what="damaged"):
        """Return the databases that were put aside, without what belongs to them."""
        found = self.file.parent.glob(f"{self.file.name}.{what}-*")
        return sorted(path for path in found if not path.name.endswith(("-wal", "-shm")))

    def start(self, script, *words):
        """Start a child that runs `script`, with `home`, `file` and `run` defined; it is reaped in the end."""
        child = self._warm.start(_BEGIN + script, str(self.root), *words, environ=os.environ, stdin=subprocess.PIPE)
        self._stack.enter_context(child)
        self._stack.callback(child.kill)
        return child

    def do(self, script, *words):
        """Run `script` in a child to its end; return what it printed."""
        child = self.start(script, *words)
        printed, said = child.communicate()
        assert child.returncode == 0, said
        return printed


@pytest.fixture
def home(tmp_path, warm):
    with ExitStack() as stack:
        yield Home(tmp_path, stack, warm)


@pytest.fixture
def registry(home):
    return home.open()


@pytest.fixture
def make_file():
    def make(number, **more):
        return StoredFile(**{"name": f"file-{number}.gguf", "sha256": f"{number:064x}", "size": 100 + number} | more)

    return make


@pytest.fixture
def make_model(make_file):
    def make(model_id, *numbers, **more):
        files = tuple(make_file(number) for number in numbers)
        size = sum(file.size for file in more.get("files", files))
        defaults = {"id": model_id, "ref": f"hub:{model_id}", "files": files, "installed_at": NOW, "size": size}
        return Model(**defaults | more)

    return make


@pytest.fixture
def make_job():
    def make(job_id, **more):
        defaults = {"kind": "download", "subject": "hub:m", "state": "running", "created_at": NOW, "updated_at": NOW}
        return Job(id=job_id, **defaults | more)

    return make


@pytest.fixture
def fill(make_model):
    def fill_it(registry, count):
        def apply(write):
            for number in range(count):
                write.add_model(make_model(f"m{number:03}", number, tags=("tag",), settings={"n_ctx": number}))
                write.journal(ModelInstalled(model=f"m{number:03}"))
            write.adopt([])

        registry.change(apply)
        return registry.read.models()

    return fill_it


@pytest.fixture
def models(home, fill):
    """A registry with sixty models in it, closed; what is in it."""
    with home.open() as registry:
        return fill(registry, 60)
