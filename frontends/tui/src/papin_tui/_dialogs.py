"""What comes over the screen: a question, a text to read, a choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Footer, Label, OptionList, Static
from textual.widgets.option_list import Option

from papin_tui._show import cell

__all__ = ["Choice", "Confirm", "Reading"]

T = TypeVar("T")


class _Over(ModalScreen[T]):
    """What was told before would cover what is asked or told now, so it goes."""

    def on_mount(self) -> None:
        """Take the notices away."""
        self.app.clear_notifications()


class Confirm(_Over[bool]):
    """Shows what is about to happen, and answers whether it shall. The answer that changes nothing has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Yes"),
        Binding("n,escape", "dismiss(False)", "No"),
    ]

    def __init__(self, plan: str, question: str) -> None:
        super().__init__()
        self._plan = plan
        self._question = question

    def compose(self) -> ComposeResult:
        """Show the plan, the question, and two buttons."""
        with VerticalScroll(classes="dialog"):
            yield Static(self._plan, markup=False)
            yield Label(self._question, classes="question", markup=False)
            with Horizontal():
                yield Button("Yes (y)", id="yes", variant="warning")
                yield Button("No (n)", id="no", variant="primary")

    def on_mount(self) -> None:
        """Let Enter mean no."""
        super().on_mount()
        self.query_one("#no").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        self.dismiss(event.button.id == "yes")


class Reading(_Over[None]):
    """A text to read, which can grow while it is shown."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q", "dismiss(None)", "Close")]

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """Show the text."""
        with VerticalScroll(classes="dialog"):
            yield Static(self._text, markup=False, id="reading")
        yield Footer(show_command_palette=False)

    def add(self, line: str) -> None:
        """Put one line more below the text."""
        self._text = f"{self._text}\n{line}"
        if self.is_mounted:
            self.query_one("#reading", Static).update(cell(self._text))


class Choice(_Over[str | None]):
    """A list to choose one thing from; answers it, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Close")]

    def __init__(self, question: str, options: Sequence[str]) -> None:
        super().__init__()
        self._question = question
        self._options = tuple(options)

    def compose(self) -> ComposeResult:
        """Show the question and the options."""
        with VerticalScroll(classes="dialog"):
            yield Label(self._question, markup=False)
            yield OptionList(*(Option(cell(each)) for each in self._options))

    def on_mount(self) -> None:
        """Let Enter mean the first."""
        super().on_mount()
        options = self.query_one(OptionList)
        options.highlighted = 0
        options.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Answer."""
        self.dismiss(self._options[event.option_index])
