"""The CRC-32 of each chunk of a payload, by which damage to it is found later: 4 bytes each, little-endian."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable

from papin._transfers._ledger import CHUNK, Ledger

_SUM = struct.Struct("<I")


class Digest:
    """A running SHA-256 that keeps the sums of what it is of. A CRC costs a seventh of what the hash does."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._whole: list[int] = []
        self._crc = self._filled = 0  # of the chunk that comes now

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Add what follows."""
        self._hash.update(data)
        view = memoryview(data)
        while view:
            part = view[: CHUNK - self._filled]
            self._crc = zlib.crc32(part, self._crc)
            self._filled += len(part)
            if self._filled == CHUNK:
                self._whole.append(self._crc)
                self._crc = self._filled = 0
            view = view[len(part) :]

    def hexdigest(self) -> str:
        """Return the SHA-256 so far."""
        return self._hash.hexdigest()

    @property
    def sums(self) -> bytes:
        """The sums so far, of what came."""
        return _packed([*self._whole, self._crc] if self._filled else self._whole)


def pack(ledger: Ledger) -> bytes:
    """Return the sums of a complete ledger."""
    return _packed(crc for _, crc in sorted(ledger.done.items()))


def unpack(sums: bytes) -> list[int]:
    """Return the CRC-32 of each chunk."""
    return [crc for (crc,) in _SUM.iter_unpack(sums)]


def _packed(crcs: Iterable[int]) -> bytes:
    return b"".join(map(_SUM.pack, crcs))
