"""How values look in a table: cells that are never markup, and rows that keep their place while they change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.text import Text
from textual.coordinate import Coordinate
from textual.widgets import DataTable

__all__ = ["Column", "Table", "cell", "clipped"]


class Column(NamedTuple):
    """The title of a column, and whether it holds numbers."""

    title: str
    right: bool = False


def cell(text: str, *, right: bool = False) -> Text:
    """Return `text`, made harmless before (`papin.safe`), to be shown as it stands: nothing in it is markup."""
    return Text(text, justify="right" if right else "left", no_wrap=right)


def clipped(text: str, most: int) -> str:
    """Return the end of `text`, which tells paths, addresses and variants apart, in at most `most` letters."""
    return text if len(text) <= most else f"…{text[1 - most :]}"


class Table(DataTable[Text]):
    """A table of rows with keys, of which one is chosen. A column in which no row says anything is left out."""

    def __init__(self, *columns: Column, id: str) -> None:  # noqa: A002  # Textual's word
        super().__init__(id=id, cursor_type="row", zebra_stripes=True)
        self._shape = columns
        self._rows: dict[str, tuple[str, ...]] = {}
        self._shown: list[int] = []
        self._show_columns([len(column.title) for column in columns])

    @property
    def chosen(self) -> str | None:
        """The key of the row under the cursor."""
        keys = list(self._rows)
        return keys[self.cursor_row] if 0 <= self.cursor_row < len(keys) else None

    def fill(self, rows: Mapping[str, Sequence[str]]) -> None:
        """Show these rows by their keys; the cursor stays at its row where that is still there."""
        new = {key: tuple(row) for key, row in rows.items()}
        texts = list(zip(*new.values(), strict=True)) or [(column.title,) for column in self._shape]
        widths = [
            max(map(cell_len, (column.title, *each))) if any(each) else 0
            for column, each in zip(self._shape, texts, strict=True)
        ]
        kept = [width for width in widths if width]
        if list(new) == list(self._rows) and kept == [column.width for column in self.ordered_columns]:
            self._change(new)
        else:
            self._replace(new, widths)
        self._rows = new

    def _change(self, new: Mapping[str, tuple[str, ...]]) -> None:
        for at, (row, old) in enumerate(zip(new.values(), self._rows.values(), strict=True)):
            for place, index in enumerate(self._shown):
                if row[index] != old[index]:
                    self.update_cell_at(Coordinate(at, place), self._cell(index, row[index]))

    def _replace(self, new: Mapping[str, tuple[str, ...]], widths: Sequence[int]) -> None:
        chosen, row = self.chosen, self.cursor_row
        self._show_columns(widths)
        for key, texts in new.items():
            self.add_row(*(self._cell(index, texts[index]) for index in self._shown), key=key)
        keys = list(new)
        at = max(0, min(row, len(keys) - 1)) if chosen is None or chosen not in new else keys.index(chosen)
        self.move_cursor(row=at, animate=False)

    def _show_columns(self, widths: Sequence[int]) -> None:
        """Have the columns that are wider than nothing, and no rows."""
        self.clear(columns=True)
        self._shown = [index for index, width in enumerate(widths) if width]
        for index in self._shown:
            title = self._shape[index].title
            # Widths of our own: those that DataTable measures come after the first drawing, which may be kept.
            self.add_column(self._cell(index, title), width=widths[index], key=title)

    def _cell(self, column: int, text: str) -> Text:
        return cell(text, right=self._shape[column].right)
