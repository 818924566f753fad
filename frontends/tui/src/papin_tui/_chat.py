"""A chat with a model: streamed, and Escape stops an answer."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Input, Label, Static

from papin import safe
from papin.kernel import Kernel
from papin.models import Message, Reply
from papin_tui._desk import Desk
from papin_tui._show import cell

__all__ = ["Chat"]


class Chat(Screen[None]):
    """What was said, and a line to say more."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop_or_leave", "Stop, or leave"),
        Binding("ctrl+l", "clear", "Forget all"),
    ]
    app = getters.app(Desk)

    def __init__(self, model: str) -> None:
        super().__init__()
        self._model = model
        self._said: list[Message] = []
        self._answering: asyncio.Task[None] | None = None

    def compose(self) -> ComposeResult:
        """Show what was said above the line to type in."""
        yield Label(f"Chatting with {safe.name(self._model)}", classes="title", markup=False)
        yield VerticalScroll(id="said", can_focus=False)
        yield Input(placeholder="Ask something; Enter sends it", id="line")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Wait for the first line."""
        self.query_one("#line").focus()
        self.query_one("#said", VerticalScroll).anchor()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answer a line, one at a time."""
        if event.value.strip() and self._answering is None:
            event.input.clear()
            self._answering = asyncio.create_task(self._turn(event.value))

    async def _turn(self, line: str) -> None:
        answer = Static(cell(f"Waiting for {safe.name(self._model)} ..."), classes="answer")
        await self.query_one("#said").mount(Static(cell(safe.prose(line)), classes="question"), answer)
        try:
            await self.app.showing_errors(self._answer(line, answer))
        finally:
            self._answering = None

    async def _answer(self, line: str, shown: Static) -> None:
        messages, pieces = [*self._said, Message(role="user", content=line)], list[str]()

        def show(reply: Reply) -> None:
            pieces.append(reply.text)
            if self.is_attached:
                shown.update(cell(safe.answer("".join(pieces).strip())))

        tell = self.app.bridge.told(show)

        async def stream(kernel: Kernel) -> None:
            async with kernel.models.chat(self._model, messages) as replies:
                async for reply in replies:
                    tell(reply)

        try:
            await self.app.ask(stream)
        finally:
            answer = "".join(pieces)
            if answer:
                self._said = [*messages, Message(role="assistant", content=answer)]
            elif self.is_attached:
                shown.update(cell("(no answer)"))

    def action_stop_or_leave(self) -> None:
        """Stop the answer that comes; where none does, leave."""
        if self._answering is None:
            self.dismiss()
        else:
            self._answering.cancel()

    def action_clear(self) -> None:
        """Forget what was said."""
        if self._answering is None:
            self._said = []
            self.query_one("#said").remove_children()
