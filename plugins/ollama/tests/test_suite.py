"""The fake and the real Ollama pass the suite that every provider passes."""

import msgspec
import pytest

from papin.models import StoredFile
from papin.testing import ProviderSuite
from papin_ollama.plugin import papin_providers

from .conftest import digest_of
from .gguf_file import gguf
from .registry import Registry


class _Described(ProviderSuite):
    @pytest.fixture
    def descriptor(self):
        (provider,) = papin_providers()
        return provider

    @pytest.fixture
    def settings(self, ollama):
        return {"url": ollama.ollama.url, "models": str(ollama.ollama.models)}

    @pytest.fixture
    def model(self, ollama):
        # Two threads that share one core with somebody else wait for each other most of the time.
        ollama.ollama.add(ollama.file, "toy", parameters={"num_thread": 1})
        return ollama.model("toy:latest"), (ollama.file,)

    @pytest.fixture
    def kept(self, model):
        return model[0].placements[0].reference

    @pytest.fixture
    def pullable(self):
        registry = Registry()
        registry.add("library/pulled", "tiny", gguf(filling=b"pulled"))
        yield f"http://{registry.host}/library/pulled:tiny"
        registry.close()

    @pytest.fixture
    def stranger(self, ollama, tmp_path):
        path = tmp_path / "stranger.gguf"
        path.write_bytes(ollama.file.read_bytes() + bytes(32))
        file = StoredFile(name=path.name, sha256=digest_of(path), size=path.stat().st_size, format="gguf")
        return msgspec.structs.replace(ollama.model(), id="stranger", files=(file,)), (path,)


class TestFake(_Described):
    @pytest.fixture
    def ollama(self, fake):
        return fake


@pytest.mark.live
class TestReal(_Described):
    @pytest.fixture
    def ollama(self, real):
        return real
