"""The store passes the suite that ships with papin, with a limit and without."""

from __future__ import annotations

from typing import Any

import pytest

from papin.storages import Storage
from papin.testing.storages import StorageSuite
from papin_store.plugin import papin_storages


class TestStore(StorageSuite):
    @pytest.fixture
    def descriptor(self) -> Storage:
        return next(iter(papin_storages()))


class TestStoreWithLimit(TestStore):
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"limit": 10_000_000, "reserve": 1 << 20}
