"""`papin run`: an answer or a chat, with the download before it where one is needed."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass
from functools import partial
from typing import Any

import click

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._params import by_provider, context_length, examples, global_options, keep_alive, pass_app, ref, yes

__all__ = ["Wishes", "command"]

# More than any context can hold; a pipe that never ends must not fill the memory.
_LONGEST = 16 * 2**20
_EXAMPLES = examples(
    'papin run smollm2 "Why is the sky blue?"',
    "papin run smollm2",
    'cat letter.txt | papin run smollm2 "Summarise this:"',
    'papin run smollm2 "Tell me a joke" --temperature 0.9 --max-tokens 100 --verbose',
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the options say."""

    temperature: float | None
    max_tokens: int | None
    seed: int | None
    ctx: int | None
    keep_alive: float | None
    system: str
    provider: str | None
    verbose: bool
    yes: bool


@click.command(epilog=_EXAMPLES)
@ref
@click.argument("prompt", required=False)
@click.option("--system", default="", help="What the model is told before anything else.")
@click.option(
    "--temperature", type=click.FloatRange(min=0), metavar="N", help="How varied the answer is; 0 is the likeliest one."
)
@click.option("--max-tokens", type=click.IntRange(min=1), metavar="N", help="The longest answer.")
@click.option("--seed", type=int, metavar="N", help="Give the same answer to the same question.")
@context_length
@keep_alive
@by_provider
@click.option("--verbose", "-v", is_flag=True, help="Show the speed of the answer.")
@yes
@global_options
@pass_app
def command(app: App, /, ref: str, prompt: str | None, **options: Any) -> None:
    """Ask a model, or chat with it when there is no PROMPT.

    REF is a model of this machine, papin's own or another program's (`ollama:qwen3:0.6b`), or one that is downloaded
    first: `catalog:name[:variant]`, an address, or a file. What
    is downloaded, and how much, is said before; more than 1 GB is asked about where there is a terminal. Text that is
    piped in is added to the PROMPT.
    """
    wishes = Wishes(**options)
    text = _question(prompt)
    if text is None and app.out.json:
        raise click.UsageError("With --json there is no chat: give a PROMPT, or pipe one in.")
    from papin_cli.actions.run import run  # noqa: PLC0415 - imports trio

    in_session(app, partial(run, ref=ref, question=text, wishes=wishes))


def _question(prompt: str | None) -> str | None:
    """Return the prompt and what is piped in, as one text; None for a chat on a terminal.

    Raises:
        click.UsageError: there is nothing to ask, or too much.
    """
    if sys.stdin is None or sys.stdin.isatty():
        return prompt
    text = "\n\n".join(part for part in (prompt, _piped()) if part)
    if not text.strip():
        raise click.UsageError("There is nothing to ask: give a PROMPT, or pipe one in.")
    return text


def _piped() -> str:
    """Return what comes in by a pipe or from a file; a stdin of another kind (`/dev/null`, a socket) has nothing."""
    mode = os.fstat(sys.stdin.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISREG(mode)):
        return ""
    data = sys.stdin.buffer.read(_LONGEST + 1)
    if len(data) > _LONGEST:
        raise click.UsageError("The text that is piped in is longer than any model can read.")
    return data.decode(errors="replace").strip()
