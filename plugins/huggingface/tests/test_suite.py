"""The catalog passes the suite that every catalog passes."""

import pytest
from msgspec.structs import replace

from papin.testing import CatalogSuite
from papin_huggingface.plugin import papin_catalogs


class TestHuggingFace(CatalogSuite):
    @pytest.fixture
    def descriptor(self):
        (catalog,) = papin_catalogs()
        return catalog

    @pytest.fixture
    def settings(self, hub):
        return {"endpoint": hub.url}

    @pytest.fixture
    def known(self):
        return ("acme/Tiny-8B-GGUF",)

    def check_file(self, file):
        # This hub is one that the user named, so its files may come from there although it is on this machine.
        super().check_file(replace(file, sources=tuple(replace(each, user_named=False) for each in file.sources)))
