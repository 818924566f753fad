"""The fake that the kernel's tests use is a provider like any other."""

from datetime import UTC, datetime

import pytest

from papin.models import Model, StoredFile
from papin.testing import ProviderSuite
from papin.testing.folder_provider import folder_provider


class TestFolder(ProviderSuite):
    @pytest.fixture
    def descriptor(self):
        return folder_provider


class TestFolderWithAModel(ProviderSuite):
    @pytest.fixture
    def descriptor(self):
        return folder_provider

    @pytest.fixture
    def settings(self, tmp_path):
        folder = tmp_path / "models"
        folder.mkdir()
        (folder / "kept.gguf").write_bytes(b"GGUF of some model")
        return {"path": str(folder)}

    @pytest.fixture
    def kept(self):
        return "kept"

    @pytest.fixture
    def stranger(self, tmp_path):
        path = tmp_path / "stranger.gguf"
        path.write_bytes(b"GGUF of another")
        file = StoredFile(name=path.name, sha256="a" * 64, size=path.stat().st_size, format="gguf")
        return Model(id="stranger", ref="", files=(file,), installed_at=datetime.now(UTC), format="gguf"), (path,)
