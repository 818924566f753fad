"""Asking a model or chatting with it, with the download before it where one is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from papin.errors import NotFound
from papin.models import LoadSettings, Message, Model
from papin_cli._session import Session
from papin_cli.actions._answer import Asked, stream
from papin_cli.actions._chat import chat
from papin_cli.actions._install import install

if TYPE_CHECKING:
    from papin_cli.commands.run import Wishes

__all__ = ["run"]


async def run(session: Session, ref: str, question: str | None, wishes: Wishes) -> None:
    """Answer `question`, or chat where it is None."""
    model = await _installed(session, ref, yes=wishes.yes)
    asked = _asked(model, wishes)
    start = [Message(role="system", content=wishes.system)] if wishes.system else []
    if question is not None:
        await stream(session, asked, [*start, Message(role="user", content=question)], [])
        return
    from papin_cli.actions._prompt import Prompt  # noqa: PLC0415 - imports prompt_toolkit, which only a chat needs

    await chat(session, asked, start, Prompt().line)


async def _installed(session: Session, ref: str, *, yes: bool) -> Model:
    try:
        return await session.kernel.models.show(ref)
    except NotFound:
        model, _ = await install(session, ref, yes=yes)
        return model


def _asked(model: Model, wishes: Wishes) -> Asked:
    # By the names that llama.cpp gives to sampling options.
    sampling = {"temperature": wishes.temperature, "n_predict": wishes.max_tokens, "seed": wishes.seed}
    return Asked(
        model=model.id,
        options={key: value for key, value in sampling.items() if value is not None},
        settings=LoadSettings(n_ctx=wishes.ctx, keep_alive=wishes.keep_alive),
        verbose=wishes.verbose,
        provider=wishes.provider,
    )
