"""The recommender passes the suite that every recommender passes."""

import pytest

from papin.testing import RecommenderSuite
from papin_advisor.plugin import papin_recommenders


class TestFit(RecommenderSuite):
    @pytest.fixture
    def descriptor(self):
        (recommender,) = papin_recommenders()
        return recommender
