"""Files here that something may be taken from: what cannot be read of them is of no use, and no failure."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from papin._transfers._data import SAFE


class UnfitError(Exception):
    """The new file cannot be made of what is here."""


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnfitError from error


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """Open a file. Blocks. Raises `UnfitError` where that cannot be done."""
    with _reading():
        file = os.open(path, os.O_RDONLY | SAFE)
    try:
        yield file
    finally:
        os.close(file)


def read_at(file: int, start: int, view: memoryview) -> None:
    """Fill `view` from an opened file. Blocks. Raises `UnfitError` where it has no such bytes."""
    with _reading():
        count = os.preadv(file, [view], start)
    if count != len(view):
        raise UnfitError


def agrees(file: int, start: int, view: memoryview, crc: int) -> bool:
    """Fill `view` from an opened file; return whether that could be done and its CRC-32 is that. Blocks."""
    try:
        read_at(file, start, view)
    except UnfitError:
        return False
    return zlib.crc32(view) == crc
