"""The table of a ZIP archive as PyTorch writes it (APPNOTE.TXT 4.3): read from its end, and compared with its begin.

Programs that look at different ends of an archive can be shown different files, so whatever is not as PyTorch writes
it refuses the archive: a comment, encryption, compression, two files of one name, a head that says another name.
"""

from __future__ import annotations

import struct
from collections.abc import Generator
from typing import NamedTuple, TypeVar

from papin.errors import FormatInvalid
from papin.formats import Span

__all__ = ["Member", "content", "members", "refuse"]

T = TypeVar("T")
Walk = Generator[Span, bytes, T]

_TAIL = 64 << 10
_MOST_TABLE = 32 << 20
_END = struct.Struct("<4s4H2IH")
_LOCATOR = struct.Struct("<4sIQI")
_END64 = struct.Struct("<4sQ2H2I4Q")
_ENTRY = struct.Struct("<4s6H3I5H2I")
_HEAD = struct.Struct("<4s5H3I2H")
_ALL16, _ALL32 = 0xFFFF, 0xFFFFFFFF
_ENCRYPTED = 0x2041  # encrypted, strongly encrypted, with its table encrypted
_EXTRA64 = 1


class Member(NamedTuple):
    """A file in the archive: its name, and where its head begins; it is stored as it is."""

    name: str
    size: int
    at: int


def refuse(reason: str) -> FormatInvalid:
    """Return the error for a file that is refused because of `reason`."""
    return FormatInvalid(
        f"the file is not a valid PyTorch file: {reason}",
        next_step="Download it again; if it is complete, take the model as safetensors or GGUF.",
    )


def members(size: int) -> Walk[list[Member]]:
    """Return the files of an archive of `size` bytes."""
    if size < _END.size:
        raise refuse("it is truncated")
    start = max(0, size - _TAIL)
    tail = yield Span(start, size - start)
    if len(tail) < size - start or tail[-_END.size :][:4] != b"PK\x05\x06":
        raise refuse("its table is missing at its end; the file may be truncated")
    _, disk, first_disk, here, count, length, at, comment = _END.unpack(tail[-_END.size :])
    end = size - _END.size
    if _ALL16 in (here, count) or _ALL32 in (length, at) or tail[-_END.size - _LOCATOR.size :][:4] == b"PK\x06\x07":
        count, length, at, end = _end64(tail, start, size)
    elif disk or first_disk or here != count:
        raise refuse("it is one of several volumes")
    if comment or length > _MOST_TABLE or at + length != end:
        raise refuse("its table is not where it says")
    table = tail[at - start : at - start + length] if at >= start else (yield Span(at, length)) if length else b""
    if len(table) < length:
        raise refuse("it ended while it was read")
    return _entries(table, count, at)


def _end64(tail: bytes, start: int, size: int) -> tuple[int, int, int, int]:
    place = len(tail) - _END.size - _LOCATOR.size
    if place < _END64.size:
        raise refuse("its table is missing at its end")
    magic, disk, at, disks = _LOCATOR.unpack_from(tail, place)
    if magic != b"PK\x06\x07" or disk or disks > 1 or at != size - _END.size - _LOCATOR.size - _END64.size:
        raise refuse("its table is not where it says")
    magic, _, _, _, disk, first, here, count, length, begin = _END64.unpack_from(tail, at - start)
    if magic != b"PK\x06\x06" or disk or first or here != count:
        raise refuse("it is one of several volumes")
    return count, length, begin, at


def _entries(table: bytes, count: int, end: int) -> list[Member]:
    found: dict[str, Member] = {}
    at = 0
    while at < len(table):
        if at + _ENTRY.size > len(table):
            raise refuse("its table ends in the middle of an entry")
        entry = _ENTRY.unpack_from(table, at)
        magic, _, _, flags, method, _, _, _, packed, size, name_length, extra_length, comment_length = entry[:13]
        at += _ENTRY.size
        name, extra = table[at : at + name_length], table[at + name_length : at + name_length + extra_length]
        at += name_length + extra_length + comment_length
        if magic != b"PK\x01\x02" or at > len(table) or flags & _ENCRYPTED or method:
            raise refuse("a file in it is compressed, encrypted or damaged")
        size, packed, place = _large(extra, size, packed, entry[16])
        member = Member(name.decode("utf-8", "backslashreplace"), size, place)
        if size != packed or place + _HEAD.size + size > end or found.setdefault(member.name, member) is not member:
            raise refuse("a file in it is there twice, or has another size than its place")
    if len(found) != count:
        raise refuse("it has another number of files than it says")
    if all(member.at for member in found.values()):
        raise refuse("what it begins with is not in its table")
    return list(found.values())


def _large(extra: bytes, size: int, packed: int, place: int) -> tuple[int, int, int]:
    """Return the numbers of an entry, those that did not fit taken from its extra field."""
    wanted = [size, packed, place]
    if _ALL32 not in wanted:
        return size, packed, place
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == _EXTRA64:
            numbers = iter(struct.unpack_from(f"<{length // 8}Q", extra[at + 4 : at + 4 + length].ljust(length, b"\0")))
            size, packed, place = (next(numbers, each) if each == _ALL32 else each for each in wanted)
            return size, packed, place
        at += 4 + length
    return size, packed, place


def content(member: Member, size: int) -> Walk[bytes]:
    """Return a file of the archive, whose own head has to say the same name."""
    head = yield Span(member.at, _HEAD.size)
    if len(head) < _HEAD.size:
        raise refuse("it ended while it was read")
    magic, _, flags, method, _, _, _, _, _, name_length, extra_length = _HEAD.unpack(head)
    if magic != b"PK\x03\x04" or flags & _ENCRYPTED or method or not name_length:
        raise refuse("a file in it is compressed, encrypted or damaged")
    start = member.at + _HEAD.size + name_length + extra_length
    if start + member.size > size:
        raise refuse("a file in it is truncated")
    told = yield Span(member.at + _HEAD.size, name_length)
    if told.decode("utf-8", "backslashreplace") != member.name:
        raise refuse("its table and its files say different names")
    if not member.size:
        return b""
    data = yield Span(start, member.size)
    if len(data) < member.size:
        raise refuse("it ended while it was read")
    return data
