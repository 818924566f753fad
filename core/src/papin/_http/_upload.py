"""A body that is sent piece by piece."""

from __future__ import annotations

from collections.abc import Awaitable, Callable


class Upload:
    """A body of `size` bytes: `read` returns its next piece, and nothing at the end."""

    def __init__(self, size: int, read: Callable[[], Awaitable[bytes]]) -> None:
        self.size = size
        self.read = read
