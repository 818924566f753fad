"""Sharing models with other programs, taking that back, and naming what they have."""

from __future__ import annotations

from papin.models import Model
from papin.safe import name as safe
from papin_cli._session import Session

__all__ = ["copy", "rename", "share", "unshare"]

_HOW = {
    "reflink": "its blocks are shared (reflink)",
    "hardlink": "it is one file under two names (hard link)",
    "symlink": "a symlink leads to it",
    "in-place": "it is named where it lies",
    "copy": "it is stored a second time (copy)",
}


async def share(session: Session, model: str, *, provider: str, name: str, copy: bool, is_line: bool = False) -> None:
    """Share a model, and say under which name and how; with `is_line` it is one of several lines of JSON."""
    shared = await session.kernel.models.share(model, provider, name=name, copy=copy)
    if session.out.json and is_line:
        session.out.line("model", shared)
    elif session.out.json:
        session.out.document(shared)
    placement = [each for each in shared.placements if each.provider == provider][-1]
    session.out.text(
        f"{safe(provider)} has {safe(shared.id)} as {safe(placement.reference)}: {_HOW[placement.how]}.\n"
        f"Next: papin run {safe(shared.id)} --provider {safe(provider)}"
    )


async def unshare(session: Session, model: str, *, provider: str) -> None:
    """Take a share back."""
    left = await session.kernel.models.unshare(model, provider)
    if session.out.json:
        session.out.document(left)
    session.out.text(f"{safe(provider)} does not have {safe(left.id)} from papin any more; papin keeps it.")


async def copy(session: Session, model: str, *, name: str) -> None:
    """Give a model of another program a second name."""
    _tell_name(session, await session.kernel.models.copy(model, name))


async def rename(session: Session, model: str, *, name: str) -> None:
    """Give a model of another program another name."""
    _tell_name(session, await session.kernel.models.rename(model, name))


def _tell_name(session: Session, model: Model) -> None:
    if session.out.json:
        session.out.document(model)
    session.out.text(f"It is {safe(model.id)} now.")
