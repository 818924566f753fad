"""What a model makes of a text, besides a chat: its continuation, and its vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from papin import words
from papin_cli._session import Session
from papin_cli.actions import _answer

__all__ = ["complete", "embed"]

_SHOWN = 4


async def complete(
    session: Session, model: str, prompt: str, *, options: Mapping[str, int | float], provider: str | None
) -> None:
    """Write how a prompt goes on."""
    await _answer.complete(session, _answer.Asked(model=model, options=options, provider=provider), prompt)


async def embed(session: Session, model: str, texts: Sequence[str], *, provider: str | None) -> None:
    """Show the vector of each text: its first numbers for a person, all of them with --json."""
    found = await session.kernel.models.embed(model, texts, provider=provider)
    if session.out.json:
        session.out.document(found)
    for vector in found.vectors:
        first = ", ".join(f"{value:.4f}" for value in vector[:_SHOWN])
        more = ", ..." if len(vector) > _SHOWN else ""
        session.out.text(f"{words.count(len(vector), 'number')}: [{first}{more}]")
