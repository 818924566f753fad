"""The catalog passes the suite that every catalog passes."""

import pytest

from papin.testing import CatalogSuite
from papin_starter.plugin import papin_catalogs


class TestStarter(CatalogSuite):
    @pytest.fixture
    def descriptor(self):
        return next(each for each in papin_catalogs() if not each.template)
