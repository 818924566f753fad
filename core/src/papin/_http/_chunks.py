"""The chunked coding of HTTP/1.1 (RFC 9112, section 7.1), taken off in bulk and without any I/O.

h11 needs some twenty microseconds for each chunk, whatever its size, and servers cut as they like. Here a chunk costs
half of one, and chunks that are all alike next to nothing: they stand in columns, which are copied as wholes. Short
ones of any sizes cost a tenth of one: what came is split into lines, which are compared with what they should be.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_RAW = 256 << 10
_LINE = 4096  # bytes of the line before a chunk
_TRAILERS = 64 << 10
_SURPLUS = 64 << 10  # bytes of extensions in all: nobody has a use for them
_NEEDED = 20  # bytes of such a line that are no surplus
_STRAIGHT = 32 << 10  # bytes left of a chunk that are better read into their place at once
_NARROW = 128  # the longest chunks that are looked at in columns
_WINDOW = 8 << 10  # raw bytes of short chunks that are split into lines in one go
_SPLITTING = 2 << 10  # raw bytes that this has to bring on average to be gone on with
_PLAIN = {size: b"%x" % size for size in range(1, 1 << 8)}  # the lines before short chunks, as most servers write them
_KNOWN = 1024  # lines that are remembered
_END = b"\r\n"

_HEADER = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[\t\x20-\x7e\x80-\xff]*)?[ \t]*")
_TRAILER = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*")


class BadChunk(ValueError):
    """What came is not chunked as it should be."""


class Dechunker:
    """Takes in raw bytes and gives out those of the body. `has_ended` tells that all of its end was there too."""

    def __init__(self) -> None:
        self.has_ended = False
        self._raw = bytearray(_RAW)
        self._view = memoryview(self._raw)
        self._start = self._stop = 0  # of the raw bytes that are not looked at yet
        self._left = 0  # of the present chunk
        self._surplus = 0
        self._trailers = 0
        self._sizes: dict[bytes, int] = {}
        self._state: Callable[[memoryview], int | None] = self._header

    @property
    def straight(self) -> int:
        """How many of the next raw bytes belong to the body as they are, when they are many: see `skip`."""
        is_empty = self._start == self._stop
        return self._left if is_empty and self._state == self._data and self._left >= _STRAIGHT else 0

    def skip(self, count: int) -> None:
        """Account for `count` bytes, up to `straight`, that were read into their place past the raw ones."""
        self._left -= count

    def room(self) -> memoryview:
        """Return where the next raw bytes are to be put; `came` tells of them."""
        if self._start:
            self._raw[: self._stop - self._start] = self._raw[self._start : self._stop]
            self._start, self._stop = 0, self._stop - self._start
        return self._view[self._stop :]

    def came(self, count: int) -> None:
        """Account for `count` raw bytes in `room`."""
        self._stop += count

    def take(self, out: memoryview) -> int:
        """Fill `out` from what came; return the bytes, 0 when more has to come or the body has ended.

        Raises:
            BadChunk: it is malformed, or carries far more than a body.
        """
        count = 0
        while count < len(out) and not self.has_ended:
            got = self._state(out[count:])
            if got is None:
                break
            count += got
        return count

    # Each state takes what it can, puts bytes of the body into `out` and returns how many; None when it needs more.

    def _header(self, out: memoryview) -> int | None:
        count = self._take_whole(out)
        if count:
            return count
        line = self._line(_LINE)
        if line is None:
            return None
        self._left = self._size(line)
        self._count_surplus(len(line) - _NEEDED)
        self._state = self._data if self._left else self._trailer
        return 0

    def _data(self, out: memoryview) -> int | None:
        count = min(self._left, len(out), self._stop - self._start)
        out[:count] = self._view[self._start : self._start + count]
        self._start += count
        self._left -= count
        if not self._left:
            self._state = self._footer
        return count or None

    def _footer(self, _: memoryview) -> int | None:
        found = self._raw[self._start : min(self._stop, self._start + len(_END))]
        if not _END.startswith(found):
            raise BadChunk("a chunk is longer than it said")
        if found != _END:
            return None
        self._start += len(_END)
        self._state = self._header
        return 0

    def _trailer(self, _: memoryview) -> int | None:
        line = self._line(_TRAILERS)
        if line is None:
            return None
        self._trailers += len(line)
        if self._trailers > _TRAILERS:
            raise BadChunk("endless trailers")
        if line and not _TRAILER.fullmatch(line):
            raise BadChunk(f"illegal trailer: {line[:40]!r}")
        self.has_ended = not line
        return 0

    def _line(self, most: int) -> bytes | None:
        end = self._raw.find(_END, self._start, self._stop)
        if (self._stop if end < 0 else end) - self._start > most:
            raise BadChunk("a line between chunks is too long")
        if end < 0:
            return None
        line = bytes(self._view[self._start : end])
        self._start = end + len(_END)
        return line

    def _size(self, line: bytes) -> int:
        match = _HEADER.fullmatch(line)
        if match is None or len(line) > _LINE:
            raise BadChunk(f"illegal chunk header: {line[:40]!r}")
        size = int(match[1], 16)
        if len(self._sizes) >= _KNOWN:
            self._sizes.clear()
        if len(line) <= _NEEDED:
            self._sizes[line] = size
        return size

    def _count_surplus(self, count: int) -> None:
        self._surplus += max(0, count)
        if self._surplus > _SURPLUS:
            raise BadChunk("chunks with endless extensions")

    # Chunks that are there as wholes.

    def _take_whole(self, out: memoryview) -> int:
        """Take as many chunks as came as wholes and fit into `out`; what is special is left to the states."""
        raw = bytes(self._view[self._start : min(self._stop, self._start + 8 * len(out) + _LINE)])
        at, body = self._columns(raw, len(out))
        pieces, count, odd = [body], len(body), 0
        plain = at - count
        find, sizes = raw.find, self._sizes
        credit = 0 if find(_END, at) - at < len(b"100") else -1
        while True:
            if credit >= 0:
                step, body = _mixed(raw[at : at + min(_WINDOW, len(out) - count)])
                credit += step - _SPLITTING
                pieces.append(body)
                at, count, plain = at + step, count + len(body), plain + step - len(body)
            end = find(_END, at)
            if end <= at:
                break
            line = raw[at:end]
            size = sizes.get(line) or self._size(line)
            begin, stop = end + 2, end + 2 + size
            if not size or count + size > len(out) or raw[stop : stop + 2] != _END:
                break
            pieces.append(raw[begin:stop])
            at, count, odd = stop + 2, count + size, odd + 1
        self._count_surplus(at - count - plain - odd * (_NEEDED + 2 * len(_END)))
        out[:count] = b"".join(pieces)
        self._start += at
        return count

    def _columns(self, raw: bytes, room: int) -> tuple[int, bytes]:
        """Return where the narrow chunks at the beginning end that have the very same known line, and their body."""
        line = raw[: max(0, raw.find(_END))]
        first, size = len(line) + len(_END), self._sizes.get(line, 0)
        if not 0 < size <= _NARROW:
            return 0, b""
        stride = first + size + len(_END)
        count = min(room // size, len(raw) // stride)
        for at, byte in [*enumerate(raw[:first]), (stride - 2, _END[0]), (stride - 1, _END[1])]:
            column, expected = raw[at : count * stride : stride], bytes([byte])
            # To compare all of them costs next to nothing, and stripping looks at each.
            if column != expected * count:
                count = len(column) - len(column.lstrip(expected))
        body = bytearray(count * size)
        for at in range(size if count else 0):
            body[at::size] = raw[first + at : count * stride : stride]
        return count * stride, bytes(body)


def _mixed(raw: bytes) -> tuple[int, bytes]:
    """Return where the short chunks at the beginning end that are as plain as can be, and their bodies."""
    lines = raw.split(_END)
    count = (len(lines) - 1) // 2
    headers, bodies = lines[: 2 * count : 2], lines[1 : 2 * count : 2]
    expected = [*map(_PLAIN.get, map(len, bodies))]
    if headers != expected:  # a body has a line break in it, or a header is not that plain: so far it is right
        count = next(at for at, pair in enumerate(zip(headers, expected, strict=True)) if pair[0] != pair[1])
    body = b"".join(bodies[:count])
    return len(b"".join(headers[:count])) + len(body) + 2 * len(_END) * count, body
