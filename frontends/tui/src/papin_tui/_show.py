"""How values look in a table: cells that are never markup, and rows that keep their place while they change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.text import Text
from textual.coordinate import Coordinate
from textual.widgets import DataTable

__all__ = ["Column", "Table", "cell"]


class Column(NamedTuple):
    """The title of a column, and whether it holds numbers."""

    title: str
    right: bool = False


def cell(text: str, *, right: bool = False) -> Text:
    """Return `text`, made harmless before (`papin.safe`), to be shown as it stands: nothing in it is markup."""
    return Text(text, justify="right" if right else "left", no_wrap=right)


class Table(DataTable[Text]):
    """A table of rows with keys, of which one is chosen."""

    def __init__(self, *columns: Column, id: str) -> None:  # noqa: A002  # Textual's word
        super().__init__(id=id, cursor_type="row", zebra_stripes=True)
        self._shape = columns
        self._rows: dict[str, tuple[str, ...]] = {}
        for column in columns:
            self.add_column(cell(column.title, right=column.right), key=column.title)

    @property
    def chosen(self) -> str | None:
        """The key of the row under the cursor."""
        keys = list(self._rows)
        return keys[self.cursor_row] if 0 <= self.cursor_row < len(keys) else None

    def fill(self, rows: Mapping[str, Sequence[str]]) -> None:
        """Show these rows by their keys; the cursor stays at its row where that is still there."""
        new = {key: tuple(row) for key, row in rows.items()}
        widths = [
            max(map(cell_len, texts))
            for texts in zip([column.title for column in self._shape], *new.values(), strict=True)
        ]
        if list(new) == list(self._rows) and widths == [column.width for column in self.ordered_columns]:
            self._change(new)
        else:
            self._replace(new, widths)
        self._rows = new

    def _change(self, new: Mapping[str, tuple[str, ...]]) -> None:
        for at, (row, old) in enumerate(zip(new.values(), self._rows.values(), strict=True)):
            for index, (text, before) in enumerate(zip(row, old, strict=True)):
                if text != before:
                    self.update_cell_at(Coordinate(at, index), self._cell(index, text))

    def _replace(self, new: Mapping[str, tuple[str, ...]], widths: Sequence[int]) -> None:
        chosen, row = self.chosen, self.cursor_row
        # Widths of our own: those that DataTable measures come after the first drawing, which may be kept.
        for column, width in zip(self.ordered_columns, widths, strict=True):
            column.width, column.auto_width = width, False
        self.clear()
        for key, texts in new.items():
            self.add_row(*(self._cell(index, text) for index, text in enumerate(texts)), key=key)
        keys = list(new)
        at = max(0, min(row, len(keys) - 1)) if chosen is None or chosen not in new else keys.index(chosen)
        self.move_cursor(row=at, animate=False)

    def _cell(self, column: int, text: str) -> Text:
        return cell(text, right=self._shape[column].right)
