"""The SHA-256 of a payload, in order, while it comes: from memory where that is in order too, else from the file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from papin._transfers._disk import in_thread
from papin._transfers._ledger import Ledger
from papin._transfers._payload import Payload, Piece

_BATCH = 8  # chunks that are read again in one go
_HELD = 2  # chunks that are hashed from memory in one go, so that their buffers come back soon


class Hasher:
    """The running SHA-256 of a payload. `position` is the first chunk that is not in it."""

    def __init__(self, payload: Payload, ledger: Ledger) -> None:
        self._payload = payload
        self._ledger = ledger
        self._old = dict(ledger.done)  # of an earlier process: read with care
        self._hash = hashlib.sha256()
        self.position = 0

    @property
    def is_complete(self) -> bool:
        """Tell whether everything is in it."""
        return self._ledger.is_complete and self.position == self._ledger.count

    @property
    def digest(self) -> str:
        """The digest so far."""
        return self._hash.hexdigest()

    async def advance(self, held: Mapping[int, Sequence[Piece]]) -> bool:
        """Hash chunks that follow and are there, from `held` those that are in memory; return whether there were any.

        Nobody may touch the pieces that are held until it returns.
        """
        if self._is_next(0) and self.position in held:
            return await self._hash_held(held)
        numbers: list[int] = []
        while len(numbers) < _BATCH and self._is_next(len(numbers)) and self.position + len(numbers) not in held:
            numbers.append(self.position + len(numbers))
        return bool(numbers) and await self._hash_read(numbers)

    def _is_next(self, ahead: int) -> bool:
        return self.position + ahead in self._ledger.done

    async def _hash_held(self, held: Mapping[int, Sequence[Piece]]) -> bool:
        count = 1
        while count < _HELD and self._is_next(count) and self.position + count in held:
            count += 1
        views = [piece.view for ahead in range(count) for piece in held[self.position + ahead]]
        await in_thread(self._update, views)
        self.position += count
        return True

    def _update(self, views: Sequence[memoryview]) -> None:
        for view in views:
            self._hash.update(view)

    async def _hash_read(self, numbers: Sequence[int]) -> bool:
        chunks = [(number, self._ledger.size(number), self._old.get(number)) for number in numbers]
        agreed = await in_thread(self._payload.hash, chunks, self._hash)
        self.position += agreed
        if agreed < len(numbers):
            self._old.pop(numbers[agreed], None)
            self._ledger.reject(numbers[agreed])
        return True
