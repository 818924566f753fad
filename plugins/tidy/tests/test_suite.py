"""Both policies pass the suite that every policy passes."""

import pytest

from papin.testing import PolicySuite
from papin_tidy.plugin import papin_cleanup_policies


class TestUnused(PolicySuite):
    @pytest.fixture
    def descriptor(self):
        return next(each for each in papin_cleanup_policies() if each.name == "unused")


class TestSpace(PolicySuite):
    @pytest.fixture
    def descriptor(self):
        return next(each for each in papin_cleanup_policies() if each.name == "space")
