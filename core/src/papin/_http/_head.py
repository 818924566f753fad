"""Where the head of an answer ends, so that httpcore is given that alone and the body can be read past it."""

from __future__ import annotations

import re

_BLANK = re.compile(rb"\n\r?\n")  # as h11 finds it
_OVERLAP = 2  # bytes of it that may have come before
_AHEAD = re.compile(rb"HTTP/1\.\d +1")  # another head follows this one
_LEAST = 16  # bytes in which that shows


class Head:
    """Watches the bytes that come after a request. `has_ended` tells whether they stopped right behind a head."""

    def __init__(self) -> None:
        self.has_ended = False
        self._is_over = False
        self._last = b""
        self._first = b""

    def measure(self, data: memoryview) -> int:
        """Return how many of the next bytes, `data`, are to be handed on at once: those of the head, or all of them."""
        if self._is_over:
            self.has_ended = False
            return len(data)
        if len(self._first) < _LEAST:
            self._first += data[:_LEAST]
        seen = self._last + data
        match = _BLANK.search(seen)
        if match is None:
            self._last = seen[-_OVERLAP:]
            return len(data)
        count = match.end() - len(self._last)
        self.has_ended = self._is_over = not _AHEAD.match(self._first)
        self._first = self._last = b""
        return count
