"""Protobuf's wire format (protobuf.dev/programming-guides/encoding), walked without reading what is skipped.

Every function is a generator in the manner of `papin.formats`: it yields the span that it needs and is sent its bytes.
A message is a range of the file, so nothing is nested here, and no length is believed before it is compared with the
end of the message that it stands in.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple, TypeVar

from papin.errors import FormatInvalid
from papin.formats import Span

__all__ = ["Field", "NotHere", "Window", "refuse"]

T = TypeVar("T")
Walk = Generator[Span, bytes, T]

_WINDOW = 64 << 10
_LONGEST_VARINT = 10
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def refuse(reason: str) -> FormatInvalid:
    """Return the error for a file that is refused because of `reason`."""
    return FormatInvalid(
        f"the file is not a valid ONNX file: {reason}",
        next_step="Download it again; if it is complete, it was made wrong: take another file.",
    )


class NotHere(Exception):
    """What stands behind skipped bytes is on a server, and not asked for."""


class Field(NamedTuple):
    """A field of a message: its number, its value if it is a number, and where its bytes are if it has such."""

    number: int
    value: int
    start: int
    end: int


class Window:
    """The file of `size` bytes, of which a piece is at hand."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._at = 0
        self._data = b""

    def take(self, start: int, end: int) -> Walk[bytes]:
        """Return the bytes from `start` to before `end`, at most as many as a window has."""
        if start < self._at or end > self._at + len(self._data):
            # Behind weights that were skipped, the rest is as far away as they are large.
            is_behind = start > self._at + len(self._data)
            self._at = start
            self._data = yield Span(start, min(_WINDOW, self._size - start), optional=is_behind)
            if is_behind and not self._data:
                raise NotHere
        found = self._data[start - self._at : end - self._at]
        if len(found) < end - start:
            raise refuse("it ended while it was read")
        return found

    def field(self, at: int, end: int) -> Walk[tuple[Field, int]]:
        """Return the field that begins at `at` in a message that ends at `end`, and where the next one begins."""
        tag, at = yield from self._varint(at, end)
        number, kind = tag >> 3, tag & 7
        if not number:
            raise refuse("a field has the number 0")
        if kind == _VARINT:
            value, after = yield from self._varint(at, end)
            return Field(number, value, at, after), after
        if kind == _LENGTH:
            length, at = yield from self._varint(at, end)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise refuse(f"a field is of the unknown kind {kind}")
        if length > end - at:
            raise refuse(f"a field of {length} bytes stands where only {end - at} are left; the file may be truncated")
        return Field(number, 0, at, at + length), at + length

    def _varint(self, at: int, end: int) -> Walk[tuple[int, int]]:
        most = min(_LONGEST_VARINT, end - at)
        if most <= 0:
            raise refuse("it ends in the middle of a field; the file may be truncated")
        data = yield from self.take(at, at + most)
        value = 0
        for index, byte in enumerate(data):
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:  # noqa: PLR2004  # the last byte of a number
                return value & (2**64 - 1), at + index + 1
        raise refuse("a number never ends")

    def numbers(self, field: Field) -> Walk[list[int]]:
        """Return the numbers of a repeated field: one, or packed ones."""
        if field.end == field.start or field.end - field.start > _WINDOW:
            return []
        found = []
        at = field.start
        while at < field.end:
            value, at = yield from self._varint(at, field.end)
            found.append(value)
        return found

    def text(self, field: Field, most: int) -> Walk[str]:
        """Return a text, at most `most` bytes of it, on one line and harmless to show."""
        if field.end == field.start:
            return ""
        data = yield from self.take(field.start, min(field.end, field.start + most))
        plain = data.decode("utf-8", "backslashreplace")
        return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in plain)
