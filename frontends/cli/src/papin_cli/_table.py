"""Tables in plain text, fitted to the width of the terminal.

Ten thousand rows are formatted in some ten milliseconds, which the usual table libraries are far from.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Column", "cut", "render", "render_columns", "width"]

_GAP = "  "
_ELLIPSIS = "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its title, and what happens to it when the terminal is narrow.

    Columns with a `rank` above 0 are left out, the greatest first; of what stays, the widest is cut down to `least`.
    """

    title: str
    right: bool = False
    rank: int = 0
    least: int = 8


def width(text: str) -> int:
    """Return how many cells of a terminal `text` takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def cut(text: str, cells: int) -> str:
    """Return `text` in at most `cells` cells, with an ellipsis where something is missing."""
    if width(text) <= cells:
        return text
    kept = text[:cells]
    while width(kept) > cells - 1:
        kept = kept[:-1]
    return kept + _ELLIPSIS


def render(columns: Sequence[Column], rows: Sequence[Sequence[str]], cells: int | None = None) -> str:
    """Return the table as text that ends with a line break; `cells` is the width to fit, None for no limit.

    A column in which every cell is empty is left out. All cells must be safe to print (`papin.safe`).
    """
    return render_columns(columns, list(zip(*rows, strict=True)) or [()] * len(columns), cells)


def render_columns(columns: Sequence[Column], texts: Sequence[Sequence[str]], cells: int | None = None) -> str:
    """As `render`; `texts` are the cells of each column from top to bottom."""
    kept = [index for index, column in enumerate(texts) if any(column) or not column] or [0]
    wanted = {index: max(width(columns[index].title), _widest(texts[index])) for index in kept}
    if cells is not None:
        kept, wanted = _fit(columns, kept, wanted, cells)
    lines = _lines([(columns[index], texts[index], wanted[index]) for index in kept])
    return "\n".join(lines) + "\n"


def _widest(texts: Sequence[str]) -> int:
    # The usual case first: where everything is ASCII, len is the width.
    return max(map(len if _ascii(texts) else width, texts), default=0)


def _ascii(texts: Sequence[str]) -> bool:
    return "".join(texts).isascii()


def _fit(
    columns: Sequence[Column], kept: list[int], wanted: dict[int, int], cells: int
) -> tuple[list[int], dict[int, int]]:
    kept, wanted = list(kept), dict(wanted)

    def missing() -> int:
        return sum(wanted[index] for index in kept) + len(_GAP) * (len(kept) - 1) - cells

    while missing() > 0 and (spare := [index for index in kept if columns[index].rank]):
        kept.remove(max(spare, key=lambda index: columns[index].rank))
    while (over := missing()) > 0:
        widest = max(kept, key=lambda index: wanted[index] - columns[index].least)
        room = wanted[widest] - columns[widest].least
        if room <= 0:
            break
        others = max((wanted[index] - columns[index].least for index in kept if index != widest), default=0)
        wanted[widest] -= min(over, room, max(1, room - others))
    return kept, wanted


def _lines(columns: Sequence[tuple[Column, Sequence[str], int]]) -> Iterator[str]:
    formats, cells = zip(*(_fitted(*each) for each in columns), strict=True)
    yield from (line.rstrip() for line in map(_GAP.join(formats).__mod__, zip(*cells, strict=True)))


def _fitted(column: Column, texts: Sequence[str], cells: int) -> tuple[str, Sequence[str]]:
    """Return a format for the cells of a column, and its cells with their title, each short enough."""
    found = [column.title, *texts]
    if _ascii(found):
        if max(map(len, found)) > cells:
            found = [text if len(text) <= cells else text[: cells - 1] + _ELLIPSIS for text in found]
        return f"%{'' if column.right else '-'}{cells}s", found
    # Formats count letters and not cells.
    return "%s", [_pad(cut(text, cells), cells, right=column.right) for text in found]


def _pad(text: str, cells: int, *, right: bool) -> str:
    blank = " " * (cells - width(text))
    return blank + text if right else text + blank
