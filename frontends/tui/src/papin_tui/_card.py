"""The page of a model that can be installed: what is known of it, and its variants."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Static

from papin import facts, sentences, words
from papin.discovery import Judged, ModelPage
from papin.safe import name
from papin_tui._desk import Desk
from papin_tui._show import Column, Table

__all__ = ["CardPage", "download"]

_COLUMNS = (
    Column("VARIANT"),
    Column("ON DISK", right=True),
    Column("BITS", right=True),
    Column("NEEDS", right=True),
    Column("FITS"),
    Column("HERE"),
    Column("NOTE"),
)


class CardPage(Screen[None]):
    """Everything about a model, before anything of it is here."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "download", "Download"),
        Binding("escape", "dismiss(None)", "Back"),
    ]
    app = getters.app(Desk)

    def __init__(self, page: ModelPage) -> None:
        super().__init__()
        self._page = page

    def compose(self) -> ComposeResult:
        """Show the facts above the variants."""
        told = self._page.problem
        asked = f"\nAs of the last refresh: {sentences.describe(told)}" if told else ""
        with VerticalScroll(id="facts"):
            yield Static(facts.lines(facts.of_page(self._page, datetime.now(UTC))) + asked, markup=False)
        yield Table(*_COLUMNS, id="variants")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin at the variant that is taken when nobody says which."""
        table = self.query_one("#variants", Table)
        table.fill({each.variant.ref: row(each) for each in self._page.variants})
        best = next((at for at, each in enumerate(self._page.variants) if each.is_default), 0)
        table.move_cursor(row=best)
        table.focus()

    def on_data_table_row_selected(self) -> None:
        """Enter means to download."""
        self.action_download()

    def action_download(self) -> None:
        """Download the chosen variant, after showing what that does."""
        ref = self.query_one("#variants", Table).chosen or self._page.entry.ref
        self.app.begin(download(self.app, ref))


def row(judged: Judged) -> tuple[str, ...]:
    """Return the cells of a variant."""
    each = judged.variant
    return (
        name(each.variant or each.ref),
        words.size(each.size),
        f"{each.bits_per_weight:.1f}" if each.bits_per_weight else "",
        words.size(judged.memory) if judged.memory is not None else "",
        sentences.fits(judged.fit, guessed=judged.variant.size is None),
        name(judged.installed),
        name(judged.note),
    )


async def download(desk: Desk, ref: str) -> None:
    """Show what a download would do, and begin it after a yes; runs in a worker."""
    plan = await desk.ask(lambda kernel: kernel.downloads.plan(ref))
    if plan.installed:
        desk.say(sentences.download_summary(plan))
        return
    plan.check_fits()
    text = f"{sentences.download_summary(plan)}\n{sentences.download_verdict(plan)}"
    if await desk.confirm(text, f"Download {name(plan.ref or plan.model)}?"):
        job = await desk.ask(lambda kernel: kernel.downloads.start(ref))
        desk.say(f"Downloading {name(job.subject)}: press 3 to see it.")
