"""Starts llama-servers for tests: the fake router, and the real one as a router or with one model."""

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from papin.models import Model, StoredFile
from papin.testing import make_context
from papin_llamacpp.plugin import papin_providers

HERE = Path(__file__).parent
KEY = "s3cret"


def descriptor():
    return next(each for each in papin_providers() if each.name == "llama-server")


def model_of(name, *paths, **more):
    files = [StoredFile(name=path.name, sha256="a" * 64, size=path.stat().st_size, format="gguf") for path in paths]
    return Model(id=name, ref="", files=tuple(files), installed_at=datetime.now(UTC), format="gguf", **more)


@dataclass
class Running:
    """A llama-server, the folder of its models, and what a session with it published."""

    folder: Path
    address: str
    child: subprocess.Popen
    events: list = field(default_factory=list)

    def stop(self):
        self.child.terminate()
        self.child.wait()

    @property
    def models(self):
        return self.folder / "models"

    @property
    def presets(self):
        return self.folder / "presets.ini"

    def settings(self, **more):
        return {"url": self.address, "key": KEY} | more

    def context(self, files=None, **settings):
        folder = self.folder / "papin"
        return make_context(descriptor(), folder, publish=self.events.append, files=files, **self.settings(**settings))

    def open(self, files=None, **settings):
        return descriptor().open(self.context(files, **settings))


def toy(folder, name, text="{}"):
    """Put a model into a router's folder, as a folder with one file."""
    path = folder / "models" / name / f"{name}.gguf"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def _key_file(folder):
    path = folder / "key"
    path.write_text(f"{KEY}\n")
    return str(path)


@contextmanager
def fake_router(folder, *flags):
    (folder / "models").mkdir(exist_ok=True)
    command = [sys.executable, str(HERE / "fake_router.py"), "--models-dir", str(folder / "models")]
    command += ["--models-preset", str(folder / "presets.ini"), "--api-key-file", _key_file(folder), *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield Running(folder, child.stdout.readline().strip(), child)
        finally:
            child.terminate()


@contextmanager
def fake_single(folder, text="{}"):
    """Start the fake llama-server with one model, which `text` describes; it may still be loading it."""
    model = folder / "toy.gguf"
    model.write_text(text)
    port = free_port()
    command = [sys.executable, str(HERE / "fake_llama_server.py"), "--model", str(model), "--alias", "toy", "--metrics"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--ctx-size", "512", "--parallel", "1"]
    with subprocess.Popen([*command, "--api-key-file", _key_file(folder)]) as child:
        try:
            wait_answer(child, f"http://127.0.0.1:{port}/health", stays_loading="hang" in text)
            yield Running(folder, f"http://127.0.0.1:{port}", child)
        finally:
            child.kill()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@contextmanager
def real_server(program, folder, *flags):
    """Start the real llama-server; without `--model` among the flags it is a router."""
    (folder / "models").mkdir(exist_ok=True)
    port = free_port()
    command = [str(program.path), "--host", "127.0.0.1", "--port", str(port), "--api-key-file", _key_file(folder)]
    command += ["--threads", "1", "--parallel", "1", *flags]
    environ = {**os.environ, **program.environ, "LLAMA_CACHE": str(folder / "cache"), "HF_HOME": str(folder / "cache")}
    with (folder / "log").open("wb") as log, subprocess.Popen(command, env=environ, stdout=log, stderr=log) as child:
        try:
            wait_healthy(child, f"http://127.0.0.1:{port}/health", folder / "log")
            yield Running(folder, f"http://127.0.0.1:{port}", child)
        finally:
            child.kill()  # asked politely it takes a second; its own children end when it is gone


def wait_answer(child, url, *, stays_loading):
    """Wait until a server answers: that it has its model, or at all where it goes on loading that."""
    while child.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError:
            if stays_loading:
                return
            continue
        except OSError:
            continue
        return


def wait_healthy(child, url, log):
    """Wait for the first good answer of a server; one that ends instead shows the end of its log."""
    while child.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (OSError, urllib.error.HTTPError):
            continue
        return
    raise AssertionError(log.read_text()[-2000:])
