"""The pane of what can be installed: rows to browse, and a search that answers while one types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.suggester import Suggester
from textual.widgets import Input, Static

from papin import words
from papin.discovery import Card, Found, Row
from papin.errors import NameInvalid, NotFound
from papin.safe import line, name
from papin.sentences import emptied, fits, refreshed, sizes, stale, unasked
from papin_tui._card import CardPage, download
from papin_tui._pane import Pane
from papin_tui._show import Column, Table, cell

__all__ = ["FindPane"]

_COLUMNS = (
    Column("MODEL"),
    Column("SIZE", right=True),
    Column("FITS"),
    Column("HERE"),
    Column("DOWNLOADS", right=True),
    Column("LICENCE"),
    Column("CAN"),
)
_FOUND = 100
_EACH = 8
_ROW = "row: "
_HINT = "words, and filters: size:<=8b fits:yes quant:q4 can:vision provider:ollama license:mit sort:downloads"
_ROWS = "Press / to search, Enter for everything about a model."
_NEVER = "Nothing was ever asked of the catalogs. Press r to ask them."


class FindPane(Pane):
    """A line to search with, and what it finds; rows to browse while it is empty."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search"),
        Binding("d", "download", "Download"),
        Binding("o", "online", "Ask online"),
        Binding("r", "refresh", "Refresh catalogs"),
        Binding("escape", "back", "All rows", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._line = Input(placeholder=_HINT, suggester=_Completion(self._complete), id="query")
        self._table = Table(*_COLUMNS, id="cards")
        self._sum = Static(id="card-sum", markup=False)
        self._row = ""
        self._text = ""
        self._why: Mapping[str, str] = {}

    def compose(self) -> ComposeResult:
        """Show the line, the table, and a line below it."""
        yield self._line
        yield self._table
        yield self._sum

    @property
    def _query(self) -> str:
        return self._line.value.strip()

    @property
    def _chosen(self) -> str | None:
        # The key of a card is its row or place, and its reference: a model can stand in several rows.
        key = self._table.chosen
        return None if key is None or key.startswith(_ROW) else key.partition(" ")[2]

    async def read(self) -> None:
        """Show what the line finds, or one row, or all of them."""
        query, chosen = self._query, self._row
        if query:
            try:
                await self._search(query, online=False)
            except (NameInvalid, NotFound) as error:  # it is still being typed
                self._text = line(f"{error.message}: {error.next_step}")
                self._sum.update(cell(self._text))
        elif chosen:
            one = await self.app.ask(lambda kernel: kernel.discovery.browse(chosen, limit=_FOUND))
            self._show(shelf([one]), "Escape shows all rows again.", whys([one]))
        else:
            rows = await self.app.ask(lambda kernel: kernel.discovery.rows(each=_EACH))
            unknown = _unasked(await self.app.ask(lambda kernel: kernel.discovery.unasked()))
            self._show(shelf(rows), f"{_ROWS}{unknown}" if rows else _NEVER, whys(rows))

    async def _search(self, query: str, *, online: bool) -> None:
        found = await self.app.ask(lambda kernel: kernel.discovery.search(query, limit=_FOUND, online=online))
        self._show({f"{at} {card.entry.ref}": row(card) for at, card in enumerate(found.cards)}, summary(found), {})

    async def _complete(self, text: str) -> Sequence[str]:
        return await self.app.ask(lambda kernel: kernel.discovery.complete(text))

    def _show(self, rows: Mapping[str, Sequence[str]], text: str, why: Mapping[str, str]) -> None:
        self._text, self._why = text, why
        self._table.fill(rows)
        self.on_data_table_row_highlighted()

    def on_data_table_row_highlighted(self) -> None:
        """Say why a card is there, where that is known."""
        self._sum.update(cell(self._why.get(self._table.chosen or "") or self._text))

    def on_input_changed(self) -> None:
        """Search for what the line holds now."""
        self.is_stale = True

    def on_input_submitted(self) -> None:
        """Go on to what was found."""
        self._table.focus()

    def on_data_table_row_selected(self) -> None:
        """Show everything about a model, or all of a row."""
        if (ref := self._chosen) is not None:
            self.app.begin(self._open(ref))
        elif (key := self._table.chosen) is not None:
            self._row, self.is_stale = key.removeprefix(_ROW), True

    def action_back(self) -> None:
        """Show all rows again."""
        self._line.value = self._row = ""
        self.is_stale = True

    async def _open(self, ref: str) -> None:
        page = await self.app.ask(lambda kernel: kernel.discovery.show(ref))
        self.app.push_screen(CardPage(page))

    def action_search(self) -> None:
        """Type into the line."""
        self._line.focus()

    def action_download(self) -> None:
        """Download the default variant, after showing what that does."""
        if (ref := self._chosen) is not None:
            self.app.begin(download(self.app, ref))
        else:
            self.app.say("Choose a model first: this line is the name of a row.")

    def action_online(self) -> None:
        """Search in the catalogs themselves as well."""
        if self._query:
            self.app.say("Asking the catalogs ...")
            self.app.begin(self._search(self._query, online=True))
        else:
            self.app.say("Press / and type what the catalogs are to be asked for.")

    def action_refresh(self) -> None:
        """Ask the catalogs for what is new."""
        self.app.say("Asking the catalogs ...")
        self.app.begin(self._refresh())

    async def _refresh(self) -> None:
        done = await self.app.ask(lambda kernel: kernel.catalogs.refresh())
        self.app.say("\n".join(map(refreshed, done)))
        self.is_stale = True


class _Completion(Suggester):
    """Goes on with the word of a search that is being typed; the arrow to the right takes it."""

    def __init__(self, complete: Callable[[str], Awaitable[Sequence[str]]]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._complete = complete

    async def get_suggestion(self, value: str) -> str | None:
        """Return the line with its last word completed; None where nothing begins so."""
        begun = value.rpartition(" ")[2]
        words = await self._complete(value) if begun else ()
        return next((value + word[len(begun) :] for word in words if word.startswith(begun)), None)


def row(card: Card) -> tuple[str, ...]:
    """Return the cells of a card."""
    entry = card.entry
    return (
        name(entry.ref),
        sizes(entry),
        fits(card.fit, guessed=card.guessed),
        name(", ".join(card.installed)),
        words.compact(entry.downloads),
        name(entry.license) or ("gated" if entry.access == "gated" else ""),
        name(", ".join(entry.capabilities)),
    )


def shelf(rows: Sequence[Row]) -> dict[str, tuple[str, ...]]:
    """Return the cells of all rows below each other, each under its name."""
    told: dict[str, tuple[str, ...]] = {}
    for each in rows:
        told[f"{_ROW}{each.name}"] = (f"── {name(each.name)} ──", *[""] * (len(_COLUMNS) - 1))
        told |= {key: row(card) for key, card in _keyed(each)}
    return told


def whys(rows: Sequence[Row]) -> dict[str, str]:
    """Return what is to be said of each row and of each card in it, by their keys."""
    told = {f"{_ROW}{each.name}": f"{name(each.title)}. Enter shows all of it." for each in rows}
    return told | {key: line(card.why) for each in rows for key, card in _keyed(each)}


def _keyed(shown: Row) -> list[tuple[str, Card]]:
    return [(f"{shown.name} {card.entry.ref}", card) for card in shown.cards]


def summary(found: Found) -> str:
    """Return how much was found, or which word or filter is why nothing was."""
    if not found.entries:
        return _NEVER
    if found.cards:
        more = ", and there is more: add words or filters" if found.more else ""
        old = f" {stale(found.stale)}." if found.stale else ""
        return f"{words.count(len(found.cards), 'model')} for {name(found.query)}{more}.{old}{_unasked(found.unasked)}"
    return f"{emptied(found)}; or press o to ask online.{_unasked(found.unasked)}"


def _unasked(catalogs: Sequence[str]) -> str:
    return f" {unasked(catalogs)}; r asks them." if catalogs else ""
