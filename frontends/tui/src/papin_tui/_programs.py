"""The pane of the programs that run models: which are here, what they have, what they can do and why not the rest."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from papin import facts
from papin.answers import ProviderStatus
from papin.kernel import Kernel
from papin.safe import line, name
from papin.sentences import describe
from papin_tui._dialogs import Reading
from papin_tui._pane import Pane
from papin_tui._show import Column, Table

__all__ = ["ProgramsPane"]

_COLUMNS = (
    Column("PROVIDER"),
    Column("STATE"),
    Column("PROGRAM"),
    Column("MODELS", right=True),
    Column("IN MEMORY"),
    Column("FORMATS"),
    Column("PROBLEM"),
)


class ProgramsPane(Pane):
    """The providers."""

    often = 5.0  # that a program is started or ended is no event
    BINDINGS: ClassVar[list[BindingType]] = [Binding("r", "refresh", "Ask again")]

    def __init__(self) -> None:
        super().__init__()
        self._found: dict[str, ProviderStatus] = {}
        self._table = Table(*_COLUMNS, id="program-list")

    def compose(self) -> ComposeResult:
        """Show the table, and a line below it."""
        yield self._table
        yield Static("Enter shows what a program can do, and why it cannot do the rest.", markup=False)

    def come(self) -> None:
        """Ask again: what was told may be long ago."""
        self.is_stale = True

    async def read(self) -> None:
        """Ask all of them; those that are not here come last."""
        found = await self.app.ask(lambda kernel: kernel.providers.list())
        self._found = {each.name: each for each in sorted(found, key=lambda each: each.state == "missing")}
        self._table.fill({key: row(each) for key, each in self._found.items()})

    def on_data_table_row_selected(self) -> None:
        """Show everything about a program."""
        status = self._found.get(self._table.chosen or "")
        if status is not None:
            self.app.push_screen(Reading(told(status)))

    def action_refresh(self) -> None:
        """Ask them anew for what they have."""
        self.app.begin(self._refresh())

    async def _refresh(self) -> None:
        async def ask(kernel: Kernel) -> None:
            await kernel.providers.refresh()

        await self.app.ask(ask)
        self.is_stale = True


def row(status: ProviderStatus) -> tuple[str, ...]:
    """Return the cells of a provider."""
    engine = f"{status.engine.name} {status.engine.version}".rstrip() if status.engine else ""
    return (
        name(status.name),
        {"missing": "not here"}.get(status.state, status.state),
        name(engine),
        "" if status.models is None else str(status.models),
        name(", ".join(map(facts.loaded, status.loaded))),
        name(", ".join(status.formats)),
        line(status.problem.message) if status.problem and status.state == "failed" else "",
    )


def told(status: ProviderStatus) -> str:
    """Return what a provider is, what it can do, and why it cannot do the rest."""
    why = f"\n{describe(status.problem)}" if status.problem else ""
    return facts.lines(facts.of_provider(status)) + why
