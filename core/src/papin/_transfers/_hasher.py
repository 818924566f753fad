"""The SHA-256 of a payload, in order, while it comes: from memory where that is in order too, else from the file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

import trio

from papin._transfers._disk import in_thread
from papin._transfers._ledger import Ledger
from papin._transfers._payload import Payload, Piece

_BATCH = 8  # chunks that are read again in one go


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

    async def advance(self, held: Mapping[int, Sequence[Piece]], release: Callable[[int], None]) -> bool:
        """Hash chunks that follow and are there, from `held` those that are in memory; return whether there were any.

        Nobody may touch the pieces of a chunk that is there and held until `release` was called with its number.
        """
        if self._is_next(0) and self.position in held:
            await in_thread(self._hash_held, held, release, trio.lowlevel.current_trio_token())
            return True
        numbers: list[int] = []
        while len(numbers) < _BATCH and self._is_next(len(numbers)) and self.position + len(numbers) not in held:
            numbers.append(self.position + len(numbers))
        return bool(numbers) and await self._hash_read(numbers)

    def _is_next(self, ahead: int) -> bool:
        return self.position + ahead in self._ledger.done

    def _hash_held(
        self, held: Mapping[int, Sequence[Piece]], release: Callable[[int], None], token: trio.lowlevel.TrioToken
    ) -> None:
        # One thread goes on as long as there is something: the event loop has a lot to do, and a turn of it for every
        # chunk costs as much as a third of hashing it.
        number = self.position
        while number in self._ledger.done and number in held:
            for piece in held[number]:
                self._hash.update(piece.view)
            token.run_sync_soon(self._pass, number, release)
            number += 1

    def _pass(self, number: int, release: Callable[[int], None]) -> None:
        self.position = number + 1
        release(number)

    async def _hash_read(self, numbers: Sequence[int]) -> bool:
        chunks = [(number, self._ledger.size(number), self._old.get(number)) for number in numbers]
        agreed = await in_thread(self._payload.hash, chunks, self._hash)
        self.position += agreed
        if agreed < len(numbers):
            self._old.pop(numbers[agreed], None)
            self._ledger.reject(numbers[agreed])
        return True
