"""A kernel with providers that are folders, each behaving as the test says."""

import json
import os
from functools import partial
from itertools import count

import pytest

from papin.kernel import open_kernel
from papin.testing import samples

OTHERS = (
    "onnx",
    "torch",
    "huggingface",
    "llamacpp",
    "ollama",
    "localai",
    "found",
    "advisor",
    "tidy",
    "starter",
)


class Folders:
    """A home with instances of the provider `folder`."""

    def __init__(self, root, site):
        self.root = root
        self.home = root / "home"
        self.home.mkdir()
        self._tables = {}
        self._kinds = {"folder"}
        self._site = site
        site.install("folder", source="from papin.testing.folder_provider import papin_providers\n")
        self.add("folder")

    def add(self, name, **settings):
        """Make an instance; return its folder."""
        folder = self.root / f"{name}-models"
        if not folder.exists():
            folder.mkdir()
            touch(folder)
        kind = "" if name in self._kinds else 'kind = "folder"\n'
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in {"path": str(folder), **settings}.items())
        self._tables[name] = f"[providers.{name}]\n{kind}{lines}"
        text = f"disabled_plugins = {list(OTHERS)}\n" + "".join(self._tables.values())
        (self.home / "config.toml").write_text(text)
        touch(self.home / "config.toml")
        return folder

    def install(self, name, *, settings=(), **fields):
        """Install a provider that is like `folder` but for some fields of its descriptor; return its folder."""
        source = (
            "import msgspec\nfrom papin.hookspecs import hookimpl\n"
            "from papin.testing.folder_provider import folder_provider\n"
            f"@hookimpl\ndef papin_providers():\n"
            f"    yield msgspec.structs.replace(folder_provider, name={name!r}, **{fields!r})\n"
        )
        self._site.install(name, source=source)
        self._kinds.add(name)
        return self.add(name, **dict(settings))

    @property
    def environ(self):
        return {**{key: value for key, value in os.environ.items() if "PAPIN" not in key}, "PAPIN_HOME": str(self.home)}

    def open(self):
        return open_kernel(environ=self.environ)


@pytest.fixture
def folders(tmp_path, site):
    return Folders(tmp_path, site)


_changes = count(10**18)


def touch(folder):
    """Give a folder another time stamp, which is not of just now."""
    at = next(_changes)
    os.utime(folder, ns=(at, at))


def put(folder, name, content=b"weights"):
    (folder / f"{name}.gguf").write_bytes(content)
    touch(folder)
    return folder / f"{name}.gguf"


@pytest.fixture
def put_model():
    return put


@pytest.fixture
def tiny_gguf():
    """Return the bytes of a small GGUF file, another one for each seed."""
    return partial(samples.tiny_gguf, payload=1024)


@pytest.fixture
def patient_clock(autojump_clock):
    """A clock that jumps only when nothing happens for a while: threads of papin are at work meanwhile."""
    autojump_clock.autojump_threshold = 0.5
    return autojump_clock
