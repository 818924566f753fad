"""Fake and real router pass the suite that every provider passes, and so does the real server with one model."""

import pytest

from papin.testing import ProviderSuite

from .servers import descriptor, fake_router, model_of, real_server, toy


class _Described(ProviderSuite):
    @pytest.fixture
    def descriptor(self):
        return descriptor()

    @pytest.fixture
    def settings(self, server):
        return server.settings()

    @pytest.fixture
    def model(self, path):
        return model_of("toy", path), (path,)

    @pytest.fixture
    def stranger(self, path, tmp_path):
        other = tmp_path / "other.gguf"
        other.write_bytes(path.read_bytes())
        return model_of("other", other), (other,)


class TestFakeRouter(_Described):
    @pytest.fixture
    def path(self, tmp_path):
        return toy(tmp_path, "toy")

    @pytest.fixture
    def server(self, tmp_path, path):
        with fake_router(tmp_path) as running:
            yield running

    @pytest.fixture
    def settings(self, server):
        return server.settings(presets=str(server.presets))

    @pytest.fixture
    async def kept(self, server):
        """Have the router fetch a model, which it may therefore remove."""
        async with server.open() as session:
            await session.pull("somebody/kept:Q4_0", lambda _: None)
        return "somebody/kept:Q4_0"


@pytest.mark.live
class TestRealRouter(_Described):
    @pytest.fixture
    def path(self, tmp_path, smollm2):
        path = tmp_path / "models" / "toy" / "toy.gguf"
        path.parent.mkdir(parents=True)
        path.symlink_to(smollm2)
        return path

    @pytest.fixture
    def server(self, tmp_path, path, find_program):
        flags = ("--models-dir", str(tmp_path / "models"), "--ctx-size", "512")
        with real_server(find_program("llama-server"), tmp_path, *flags) as running:
            yield running


class TestNothingThere(ProviderSuite):
    @pytest.fixture
    def descriptor(self):
        return descriptor()

    @pytest.fixture
    def settings(self):
        return {"url": "http://127.0.0.1:1"}
