"""The chat: lines of a person and answers of a model, until one of them leaves."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence

from papin import safe
from papin.errors import PapinError
from papin.models import Message
from papin_cli import _errors
from papin_cli._session import Session
from papin_cli.actions._answer import Asked, stream

__all__ = ["HELP", "chat"]

HELP = """/bye, Ctrl-D  leave
/clear        forget what was said
/help         show this
Ctrl-C        stop the answer"""

_LEAVES = ("/bye", "/exit", "/quit")
NextLine = Callable[[], Awaitable[str | None]]


async def chat(session: Session, asked: Asked, start: Sequence[Message], next_line: NextLine) -> None:
    """Answer each line in the light of all that was said before; `start` is said before the first.

    `next_line` returns None when the person leaves. An error of the model is shown, and the chat goes on.
    """
    session.out.note(f"Chatting with {safe.name(asked.model)}. /help shows what you can type, Ctrl-D leaves.")
    said = list(start)
    while (line := await next_line()) is not None and line not in _LEAVES:
        if line == "/help":
            session.out.note(HELP)
        elif line == "/clear":
            said = list(start)
            session.out.note("Everything that was said is forgotten.")
        elif re.fullmatch(r"/\w+", line):  # a slip, and nothing to say to a model
            session.out.note(f"There is no {safe.name(line)} here; this can be typed:\n{HELP}")
        elif line:
            said = await _turn(session, asked, said, line)


async def _turn(session: Session, asked: Asked, said: list[Message], line: str) -> list[Message]:
    """Return what was said with one turn more; a turn that failed before its first word is taken back."""
    messages, pieces = [*said, Message(role="user", content=line)], list[str]()
    with session.interrupts.stoppable() as scope:
        try:
            await stream(session, asked, messages, pieces)
        except PapinError as error:
            _errors.show(error, session.out)
    if scope.cancelled_caught:
        session.out.note("\n(stopped)")
    answer = "".join(pieces)
    return [*messages, Message(role="assistant", content=answer)] if answer else said
