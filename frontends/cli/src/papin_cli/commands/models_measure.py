"""`papin models measure`."""

from __future__ import annotations

from functools import partial

import click

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._params import examples, global_options, installed, pass_app, providers_known

__all__ = ["command"]


@click.command(epilog=examples("papin models measure smollm2"))
@installed
@click.option(
    "--provider", metavar="NAME", shell_complete=providers_known, help="Who measures it; else the first that can."
)
@global_options
@pass_app
def command(app: App, model: str, *, provider: str | None) -> None:
    """Measure how fast a model is on this machine: tokens a second, of a prompt and of an answer.

    llama-bench (of llama.cpp) does it, and takes seconds to minutes. papin models show tells the result from then on.
    """
    from papin_cli.actions import models  # noqa: PLC0415 - imports trio

    in_session(app, partial(models.measure, model=model, provider=provider))
