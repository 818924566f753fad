"""The fake that the kernel's tests use is a provider like any other."""

import pytest

from papin.testing import ProviderSuite
from papin.testing.folder_provider import folder_provider


class TestFolder(ProviderSuite):
    @pytest.fixture
    def descriptor(self):
        return folder_provider
