"""The pane of the disk: what the models take, what may go, and what is stored twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from papin import facts, sentences, words
from papin.answers import DedupePlan
from papin.policies import Removal
from papin.safe import name
from papin.storages import Account
from papin_tui._pane import Pane
from papin_tui._show import cell

__all__ = ["SpacePane"]

_HINT = "Press c to see what may go, d to see what is stored twice; nothing happens before a yes."


class SpacePane(Pane):
    """The storages."""

    can_focus = True
    BINDINGS: ClassVar[list[BindingType]] = [Binding("c", "cleanup", "Cleanup"), Binding("d", "dedupe", "Dedupe")]

    def __init__(self) -> None:
        super().__init__()
        self._accounts = Static(id="accounts", markup=False)

    def compose(self) -> ComposeResult:
        """Show a paragraph for each storage."""
        with VerticalScroll(can_focus=False):
            yield self._accounts
            yield Static(_HINT, markup=False)

    async def read(self) -> None:
        """Show what is used and what is free."""
        found = await self.app.ask(lambda kernel: kernel.storage.account())
        self._accounts.update(cell(accounts(found)))

    def action_cleanup(self) -> None:
        """Remove what the policies name, after showing it."""
        self.app.begin(self._cleanup())

    async def _cleanup(self) -> None:
        wanted = await self.app.ask(lambda kernel: kernel.storage.plan_cleanup())
        if not wanted:
            self.app.say("Nothing needs to go.")
        elif await self.app.confirm(cleanup(wanted), f"Remove {words.count(len(wanted), 'model')}?"):
            done = await self.app.ask(lambda kernel: kernel.storage.cleanup(wanted))
            gone = f"{words.count(len(done.removed), 'model')} removed; {sentences.freed(done.freed)}."
            self.app.say("\n".join([gone, *(f"Stays: {name(each)}, which is in use." for each in done.left)]))
            self.is_stale = True

    def action_dedupe(self) -> None:
        """Replace second copies by links, after showing which."""
        self.app.say("Looking for what is stored twice ...")
        self.app.begin(self._dedupe())

    async def _dedupe(self) -> None:
        plan = await self.app.ask(lambda kernel: kernel.storage.plan_dedupe())
        if not plan.duplicates:
            self.app.say(
                "\n".join(["Nothing is stored a second time where a link could take its place.", *stays(plan)])
            )
        elif await self.app.confirm(dedupe(plan), f"Replace {words.count(len(plan.duplicates), 'file')} by links?"):
            done = await self.app.ask(lambda kernel: kernel.storage.dedupe(plan))
            freed = sentences.freed(done.frees)
            self.app.say("\n".join([f"{words.count(len(done.duplicates), 'file')} replaced; {freed}.", *stays(done)]))
            self.is_stale = True


def accounts(found: Sequence[Account]) -> str:
    """Return a paragraph for each storage."""
    return "\n".join(facts.lines(facts.of_account(each)) for each in found)


def cleanup(wanted: Sequence[Removal]) -> str:
    """Return what would go, and why."""
    lines = [f"{name(each.model)}  {words.size(each.frees)}: {name(each.reason)}" for each in wanted]
    return "\n".join([*lines, f"This frees {words.size(sum(each.frees for each in wanted))}."])


def dedupe(plan: DedupePlan) -> str:
    """Return which copies would become links, and what stays."""
    lines = [
        f"{name(each.model)}  {words.size(each.size)}, also stored by {name(each.provider)} as {name(each.reference)}"
        for each in plan.duplicates
    ]
    return "\n".join(
        [*lines, f"This frees {words.size(plan.frees)}; nothing is removed from any program.", *stays(plan)]
    )


def stays(plan: DedupePlan) -> list[str]:
    """Return what is stored twice and stays so, and why."""
    return [f"Stays: {name(each)}." for each in plan.left]
