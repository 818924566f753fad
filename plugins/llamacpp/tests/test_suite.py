"""Both engines pass the suite that every provider passes."""

from datetime import UTC, datetime

import pytest

from papin.models import Model, StoredFile
from papin.testing import ProviderSuite

from .conftest import ENGINES


def as_model(path):
    file = StoredFile(name=path.name, sha256="a" * 64, size=path.stat().st_size)
    return Model(id="toy", ref="", files=(file,), installed_at=datetime.now(UTC)), (path,)


class _Described(ProviderSuite):
    @pytest.fixture
    def descriptor(self):
        return ENGINES


@pytest.mark.usefixtures("fake_server")
class TestProgram(_Described):
    @pytest.fixture
    def settings(self):
        return {"engine": "llama-server"}

    @pytest.fixture
    def model(self, tmp_path):
        path = tmp_path / "toy.gguf"
        path.write_text("{}")
        return as_model(path)


@pytest.mark.live
class TestEmbedded(_Described):
    @pytest.fixture
    def settings(self):
        pytest.importorskip("xllamacpp", reason="xllamacpp is not installed (`uv sync` installs it)")
        # Two threads that share one core with somebody else wait for each other most of the time.
        return {"engine": "xllamacpp", "n_threads": 1}

    @pytest.fixture
    def model(self, smollm2):
        return as_model(smollm2)
