"""`papin models verify`."""

from __future__ import annotations

from functools import partial

import click

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._params import examples, global_options, installed, pass_app

__all__ = ["command"]


@click.command(epilog=examples("papin models verify smollm2"))
@installed
@global_options
@pass_app
def command(app: App, model: str) -> int:
    """Check that a model is whole and runs here: its files, format, provider and memory.

    The exit status is 1 when a check failed.
    """
    from papin_cli.actions.models import verify  # noqa: PLC0415 - imports trio

    return in_session(app, partial(verify, model=model))
