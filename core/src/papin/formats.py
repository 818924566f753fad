"""What a format plugin implements: recognising and reading one model file format, without doing I/O.

A format's reader is a generator: it yields the `Span` of the file that it needs next, is sent those bytes (fewer where
the file ends, or where the span says that fewer will do), and returns the `Header`. So the same reader works on a local
file and, by ranged requests, on one that is still on a server. Nothing in a file is believed before it is compared with
the size of the file; a reader takes time and memory in proportion to the header, never to a number that it declares.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from papin.errors import FormatInvalid
from papin.models import Header

__all__ = ["HEAD", "FileSet", "Format", "Reading", "Span", "read_file", "recognise"]

HEAD = 4096
"""How many of a file's first bytes a format is given to recognise it by."""


class Span(NamedTuple):
    """A piece of a file, in bytes; of it at least `least` are needed now (0: all), the rest is wanted soon.

    What is `optional` the reader can do without: where it lies far behind in a file on a server, it is sent nothing.
    """

    offset: int
    length: int
    least: int = 0
    optional: bool = False


Reading = Generator[Span, bytes, Header]


class FileSet(msgspec.Struct, frozen=True, kw_only=True):
    """Files that are one model by their names, in the order of their parts.

    `missing` are the names that are wanted and not there; `extra` those that claim a place that is taken or is none.
    """

    name: str
    files: tuple[str, ...]
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Tell whether every part is there, once."""
        return bool(self.files) and not self.missing and not self.extra


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """The descriptor of a format.

    `recognise` is told the first bytes (at most `HEAD`) and says whether this is its format. `read` is told the size
    of the file and returns the generator; it raises `FormatInvalid` for a file that is damaged or hostile.

    A format whose models may be split over files also has `group`, which sorts plain file names into sets, and `join`,
    which is told the headers of a set by file name, in order, and returns what they say together, or raises
    `FormatInvalid` naming the parts that are missing, misplaced or of another model.
    """

    name: str
    summary: str
    suffixes: tuple[str, ...]
    recognise: Callable[[bytes], bool]
    read: Callable[[int], Reading]
    group: Callable[[Sequence[str]], tuple[FileSet, ...]] | None = None
    join: Callable[[Mapping[str, Header]], Header] | None = None


def recognise(formats: tuple[Format, ...], head: bytes) -> Format | None:
    """Return the format whose first bytes these are, or None."""
    return next((each for each in formats if each.recognise(head)), None)


def read_file(formats: tuple[Format, ...], path: Path, name: str = "") -> Header:
    """Read the header of a local file, by content and not by name. Blocks; call it in a thread.

    `name` is what errors call it: a payload lies under its digest, which tells nobody anything.

    Raises:
        FormatInvalid: no format recognises it, or the one that does refuses it.
        OSError: it cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        size = file.seek(0, 2)
        file.seek(0)
        chosen = recognise(formats, file.read(HEAD))
        if chosen is None:
            known = ", ".join(each.name for each in formats) or "none"
            raise FormatInvalid(
                f"{name or path.name} is not in a model format that papin can read (known: {known})",
                next_step="papin plugins list shows the formats that are installed; GGUF files work best.",
            )
        reading = chosen.read(size)
        try:
            span = next(reading)
            while True:
                file.seek(span.offset)
                span = reading.send(file.read(span.length))
        except StopIteration as done:
            header: Header = done.value
            return header
