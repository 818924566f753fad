"""A clock of the tests of papin.http."""

from __future__ import annotations

import pytest
import trio.testing


@pytest.fixture
def jumping_clock():
    """Jumps over waits, once nothing has happened for a while of real time: threads and sockets are no waits."""
    return trio.testing.MockClock(autojump_threshold=0.02)
