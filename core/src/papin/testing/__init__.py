"""What a plugin is tested with: a suite for each kind, and the context that a kernel would open it with.

    class TestAcme(ProviderSuite):
        @pytest.fixture
        def descriptor(self):
            return acme

Install `papin[testing]`. `python -m papin.testing NAME` runs the suites on everything that the installed plugin NAME
registers. A suite's own tests cannot be overridden, except by one that is marked `xfail` and says why.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

_WHERE = {
    "CatalogSuite": "catalogs",
    "FormatSuite": "formats",
    "PolicySuite": "policies",
    "ProviderSuite": "providers",
    "RecommenderSuite": "recommenders",
    "StorageSuite": "storages",
    "Suite": "_suite",
    "make_context": "contexts",
}


def __getattr__(name: str) -> object:
    # The suites bring pytest and trio, which the small programs that tests start have no use for.
    if name in _WHERE:
        return getattr(import_module(f"papin.testing.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
