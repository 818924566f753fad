"""The provider and the catalog pass the suites that every provider and catalog passes."""

import pytest

from papin.testing import CatalogSuite, ProviderSuite
from papin_localai.plugin import papin_catalogs, papin_providers

from .conftest import placed
from .gallery import INDEX, Gallery


class TestLocalAI(ProviderSuite):
    @pytest.fixture
    def descriptor(self):
        (provider,) = papin_providers()
        return provider

    @pytest.fixture
    def settings(self, server):
        return {"url": server.url}

    @pytest.fixture
    def model(self, root, server, model, payload):
        (root / "small.yaml").write_text("name: small\nparameters: {model: x.gguf}\n")
        server.reload()
        return placed(model, "small"), (payload,)


class TestGallery(CatalogSuite):
    @pytest.fixture
    def descriptor(self):
        (catalog,) = papin_catalogs()
        return catalog

    @pytest.fixture
    def settings(self):
        with Gallery(INDEX) as gallery:
            yield {"address": gallery.url}
