"""Streaming one answer of a model to stdout."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Self

from papin import safe
from papin.models import LoadSettings, Message, Reply, Timings
from papin_cli._output import Output
from papin_cli._session import Session

__all__ = ["Asked", "complete", "speed_line", "stream"]

_ERASE_LINE = "\r\x1b[K"
_MILLISECONDS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How the user wants to be answered."""

    model: str
    options: Mapping[str, int | float] = field(default_factory=dict)
    settings: LoadSettings = field(default_factory=LoadSettings)
    verbose: bool = False
    provider: str | None = None


async def stream(session: Session, asked: Asked, messages: Sequence[Message], said: list[str]) -> None:
    """Write the answer to `messages` as it comes, and append its pieces to `said`: a stopped one is not lost."""
    models = session.kernel.models
    opening = models.chat(
        asked.model, messages, options=asked.options, settings=asked.settings, provider=asked.provider
    )
    await _write(session, asked, opening, said)


async def complete(session: Session, asked: Asked, prompt: str) -> None:
    """Write how `prompt` goes on as it comes."""
    opening = session.kernel.models.complete(
        asked.model, prompt, options=asked.options, settings=asked.settings, provider=asked.provider
    )
    await _write(session, asked, opening, [])


async def _write(
    session: Session, asked: Asked, opening: AbstractAsyncContextManager[AsyncIterator[Reply]], said: list[str]
) -> None:
    out, timings = session.out, None
    with _Waiting(out, asked.model) as waiting:
        async with opening as replies:
            async for reply in replies:
                waiting.over()
                said.append(reply.text)
                _show(out, reply)
                timings = reply.timings or timings
    if said and not "".join(said).endswith("\n"):
        out.text("")
    if asked.verbose and timings is not None:
        out.note(speed_line(timings))


def _show(out: Output, reply: Reply) -> None:
    if out.json:
        out.line("reply", reply)
    else:
        out.text(safe.answer(reply.text), end="")


def speed_line(timings: Timings) -> str:
    """Return how fast the answer came, in tokens a second."""
    parts = (
        _rate("prompt", timings.prompt_n, timings.prompt_ms),
        _rate("answer", timings.predicted_n, timings.predicted_ms),
    )
    return "; ".join(part for part in parts if part)


def _rate(what: str, tokens: int, milliseconds: float) -> str:
    if not tokens or milliseconds <= 0:
        return ""
    return f"{what}: {tokens} tokens, {tokens * _MILLISECONDS / milliseconds:.1f} tokens/s"


class _Waiting:
    """A line on the terminal that says what is awaited, until the first piece of the answer takes its place."""

    def __init__(self, out: Output, model: str) -> None:
        self._out = out
        self._shown = out.animated
        if self._shown:
            out.note(f"Waiting for {safe.name(model)} ...", end="")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.over()

    def over(self) -> None:
        if self._shown:
            self._shown = False
            self._out.note(_ERASE_LINE, end="")
