"""Tables in plain text, fitted to the width of the terminal.

Ten thousand rows are formatted in some ten milliseconds, which the usual table libraries are far from.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

__all__ = ["Column", "cut", "render", "render_columns", "width"]

_GAP = "  "
_ELLIPSIS = "…"


class Column(NamedTuple):
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
    measured = {index: _measured([columns[index].title, *texts[index]]) for index in kept}
    wanted = {index: found.width for index, found in measured.items()}
    if cells is not None:
        kept, wanted = _fit(columns, kept, wanted, cells)
    lines = _lines([(measured[index], wanted[index], columns[index].right) for index in kept])
    return "\n".join(lines) + "\n"


class _Cells(NamedTuple):
    """The title and the cells of a column, the width of the widest, and whether they are all ASCII."""

    texts: Sequence[str]
    width: int
    ascii: bool


def _measured(texts: Sequence[str]) -> _Cells:
    # The usual case first: where everything is ASCII, len is the width. A join asks for all of them at once.
    simple = "".join(texts).isascii()
    return _Cells(texts, max(map(len if simple else width, texts)), simple)


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


def _lines(columns: Sequence[tuple[_Cells, int, bool]]) -> Iterator[str]:
    formats, texts = zip(*(_fitted(*each) for each in columns), strict=True)
    return map(str.rstrip, map(_GAP.join(formats).__mod__, zip(*texts, strict=True)))


def _fitted(found: _Cells, cells: int, right: bool) -> tuple[str, Sequence[str]]:  # noqa: FBT001 - of a column
    """Return a format for the cells of a column, and these, each short enough."""
    if not found.ascii:  # formats count letters and not cells
        return "%s", [_pad(cut(text, cells), cells, right=right) for text in found.texts]
    texts = found.texts if found.width <= cells else [cut(text, cells) for text in found.texts]
    return f"%{'' if right else '-'}{cells}s", texts


def _pad(text: str, cells: int, *, right: bool) -> str:
    blank = " " * (cells - width(text))
    return blank + text if right else text + blank
