from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from papin.context import Context
from papin.testing._suite import Suite
from papin.testing.contexts import make_context

PATIENCE = 60.0
"""Seconds after which a session that hangs has failed."""


class DescribedSuite(Suite):
    """A suite for what a descriptor opens or is. Override `descriptor`, and `settings` where it needs some."""

    @pytest.fixture
    def descriptor(self) -> Any:
        """Return what is tested; every subclass overrides this."""
        raise NotImplementedError(f"{type(self).__name__} must override the fixture `descriptor`")

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        """Return the settings to test with, as they would stand in the configuration; none of its own by default."""
        return {}

    @pytest.fixture
    def context(self, descriptor: Any, settings: dict[str, Any], tmp_path: Path) -> Context[Any]:
        """Return what the descriptor is opened with."""
        return make_context(descriptor, tmp_path, **settings)

    @asynccontextmanager
    async def opened(self, descriptor: Any, context: Context[Any]) -> AsyncIterator[Any]:
        """Open `descriptor`, in bounded time."""
        with trio.fail_after(PATIENCE):
            async with descriptor.open(context) as session:
                yield session
