"""Asking the person at the terminal."""

from __future__ import annotations

import sys

import click
import trio

from papin_cli._output import Output

__all__ = ["confirmed", "must_ask"]

_YES = ("y", "yes")


async def confirmed(out: Output, question: str) -> bool:
    """Ask a question whose answer is no unless it is yes; only where `out.interactive`.

    The answer is awaited in a thread that Ctrl-C abandons, so that the kernel goes on meanwhile.
    """
    out.note(f"{question} [y/N] ", end="")
    text = await trio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)
    return text.strip().lower() in _YES


async def must_ask(out: Output, question: str) -> bool:
    """As `confirmed`, for what is never done without being told to.

    Raises:
        click.UsageError: there is no terminal, or the output is JSON.
    """
    if not out.interactive:
        raise click.UsageError("This is asked about first, and nobody can be asked here. Add --yes to do it.")
    return await confirmed(out, question)
