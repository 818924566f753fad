"""What the tests of this plugin share: a LocalAI with a folder, and a model of papin with a file."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from papin.models import Model, Placement, StoredFile
from papin.testing import make_context
from papin.testing.contexts import KnownFiles
from papin_localai.plugin import papin_providers

from .fake_localai import LocalAI

HERE = Path(__file__).parent


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "localai"
    folder.mkdir()
    return folder


@pytest.fixture
def server(root):
    with LocalAI(root) as running:
        yield running


@pytest.fixture
def payload(tmp_path):
    path = tmp_path / "store" / "small-Q4_K_M.gguf"
    path.parent.mkdir()
    path.write_bytes(b"GGUF" + bytes(1000))
    return path


@pytest.fixture
def model(payload):
    digest = hashlib.sha256(payload.read_bytes()).hexdigest()
    file = StoredFile(name=payload.name, sha256=digest, size=payload.stat().st_size, format="gguf")
    return Model(id="small", ref="", files=(file,), installed_at=datetime.now(UTC), format="gguf")


def placed(model, reference):
    """Return `model` as it is once LocalAI has it."""
    return msgspec.structs.replace(
        model, placements=(Placement(provider="localai", reference=reference, how="hardlink"),)
    )


@pytest.fixture
def opened(tmp_path, model, payload):
    """Open a session with settings."""
    (provider,) = papin_providers()

    def open_session(**settings):
        files = KnownFiles({model.id: (payload,)})
        return provider.open(make_context(provider, tmp_path / "own", files=files, **settings))

    return open_session


def names_in(folder):
    """Return what is in a folder, also what is hidden."""
    return sorted(each.name for each in folder.iterdir())
