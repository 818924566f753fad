"""The fake that the kernel's tests use is a provider like any other."""

import pytest

from papin.models import Model, Placement, StoredFile
from papin.testing import ProviderSuite
from papin.testing.folder_provider import folder_provider
from papin.testing.samples import NOW


def sample(name, path, *placements):
    file = StoredFile(name=path.name, sha256="ab" * 32, size=path.stat().st_size, format="gguf")
    return Model(id=name, ref="", files=(file,), installed_at=NOW, format="gguf", placements=placements)


class TestFolder(ProviderSuite):
    @pytest.fixture
    def descriptor(self):
        return folder_provider

    @pytest.fixture
    def settings(self, tmp_path):
        for name in ("models", "source"):
            (tmp_path / name).mkdir()
        (tmp_path / "source" / "fetched.gguf").write_bytes(b"fetched")
        return {"path": str(tmp_path / "models"), "source": str(tmp_path / "source")}

    @pytest.fixture
    def model(self, settings, tmp_path):
        path = tmp_path / "models" / "mine.gguf"
        path.write_bytes(b"mine")
        place = Placement(provider="folder", reference="mine", how="in-place")
        return sample("mine", path, place), (path,)

    @pytest.fixture
    def stranger(self, tmp_path):
        path = tmp_path / "stranger.gguf"
        path.write_bytes(b"stranger")
        return sample("stranger", path), (path,)

    @pytest.fixture
    def pullable(self):
        return "fetched"

    @pytest.fixture
    def kept(self, tmp_path, settings):
        (tmp_path / "models" / "kept.gguf").write_bytes(b"kept")
        return "kept"
