"""What a plugin is tested with: a suite for each kind, and the context that a kernel would open it with.

    class TestAcme(ProviderSuite):
        @pytest.fixture
        def descriptor(self):
            return acme

Install `papin[testing]`. `python -m papin.testing NAME` runs the suites on everything that the installed plugin NAME
registers. A suite's own tests cannot be overridden, except by one that is marked `xfail` and says why.
"""

from papin.testing._suite import Suite
from papin.testing.catalogs import CatalogSuite
from papin.testing.contexts import make_context
from papin.testing.formats import FormatSuite
from papin.testing.policies import PolicySuite
from papin.testing.providers import ProviderSuite
from papin.testing.recommenders import RecommenderSuite
from papin.testing.storages import StorageSuite

__all__ = [
    "CatalogSuite",
    "FormatSuite",
    "PolicySuite",
    "ProviderSuite",
    "RecommenderSuite",
    "StorageSuite",
    "Suite",
    "make_context",
]
