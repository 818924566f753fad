"""A cursor over a file that comes in spans.

Only a window of the file is held. What is skipped is not asked for, and nothing is asked for beyond the end of the
file: a number that the file declares is compared with the bytes that are left before anything is done with it.
"""

from __future__ import annotations

import struct
from collections.abc import Generator

from papin.formats import Span
from papin_gguf._limits import MAX_READ, MAX_STRINGS
from papin_gguf._refuse import refuse, truncated

_FIRST_SPAN = 256 << 10
_LARGEST_SPAN = 4 << 20

Filling = Generator[Span, bytes, None]


class Cursor:
    """Where we are in a file of `size` bytes.

    `data` is the window, which begins at `base` of the file; `pos` is where we are in it, or beyond its end.
    """

    __slots__ = ("_came", "_order", "_span", "_strings", "base", "data", "pos", "size", "u32", "u64")

    def __init__(self, size: int) -> None:
        self.size = size
        self.data = b""
        self.base = 0
        self.pos = 0
        self._came = 0
        self._span = _FIRST_SPAN
        self._strings = MAX_STRINGS
        self.use("<")

    def use(self, order: str) -> None:
        """Read numbers as little-endian (`<`) or big-endian (`>`) from here on."""
        self._order = order
        self.u32 = struct.Struct(f"{order}I")
        self.u64 = struct.Struct(f"{order}Q")

    def numbers(self, letters: str) -> struct.Struct:
        """Return the struct of those letters in the byte order of the file."""
        return struct.Struct(self._order + letters)

    @property
    def at(self) -> int:
        """The position in the file."""
        return self.base + self.pos

    @property
    def left(self) -> int:
        """The bytes from here to the end of the file; negative when we are beyond it."""
        return self.size - self.base - self.pos

    def lacks(self, count: int) -> bool:
        """Tell whether the next `count` bytes are not all in the window."""
        return self.pos + count > len(self.data)

    def expect(self, count: int) -> None:
        """Refuse the file if there are no `count` bytes left in it."""
        if count > self.left:
            raise truncated(self.size, self.at + count)

    def skip(self, count: int) -> None:
        """Go on by `count` bytes without looking at them."""
        self.expect(count)
        self.pos += count

    def fill(self, count: int) -> Filling:
        """Have the next `count` bytes in the window."""
        self.expect(count)
        kept = self.data[self.pos :]
        start = self.at + len(kept)
        wanted = min(max(count - len(kept), self._span), self.size - start)
        if self._came + wanted > MAX_READ:
            raise refuse(f"its header goes on for more than {MAX_READ} bytes")
        self._span = min(self._span * 2, _LARGEST_SPAN)
        self.base, self.pos = self.at, 0
        came = yield Span(start, wanted, min(wanted, count - len(kept)))
        self._came += len(came)  # of what is asked of a server the least may come, hundreds of times
        self.data = kept + came
        if count > len(self.data):
            raise truncated(start + len(came), start + wanted)

    def read_u32(self) -> Generator[Span, bytes, int]:
        """Read a number of 4 bytes."""
        if self.lacks(4):
            yield from self.fill(4)
        number: int = self.u32.unpack_from(self.data, self.pos)[0]
        self.pos += 4
        return number

    def read_u64(self) -> Generator[Span, bytes, int]:
        """Read a number of 8 bytes."""
        if self.lacks(8):
            yield from self.fill(8)
        number: int = self.u64.unpack_from(self.data, self.pos)[0]
        self.pos += 8
        return number

    def read_bytes(self, count: int, most: int) -> Generator[Span, bytes, bytes]:
        """Return the first `most` of the next `count` bytes, and go on behind all of them."""
        self.expect(count)
        wanted = min(count, most)
        if self.lacks(wanted):
            yield from self.fill(wanted)
        taken = self.data[self.pos : self.pos + wanted]
        self.pos += count
        return taken

    def skip_strings(self, count: int) -> Filling:
        """Go on behind `count` strings without decoding them: the hot loop of reading a vocabulary."""
        if count > self._strings:
            raise refuse(f"its arrays have more than {MAX_STRINGS} strings")
        self._strings -= count
        self.expect(8 * count)
        while count:
            data, pos, unpack = self.data, self.pos, self.u64.unpack_from
            done = 0
            try:
                for done in range(count):  # noqa: B007  counts those that are whole
                    pos += unpack(data, pos)[0] + 8
            except (struct.error, OverflowError):  # the next length is behind the window, or was a lie
                count -= done
            else:
                count = 0
            self.pos = pos
            self.expect(8 * count)
            if count:
                yield from self.fill(8)
