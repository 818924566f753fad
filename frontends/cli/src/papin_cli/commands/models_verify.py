"""`papin models verify`."""

from __future__ import annotations

from functools import partial

import click

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._params import examples, global_options, optional_installed, pass_app

__all__ = ["command"]


@click.command(epilog=examples("papin models verify smollm2", "papin models verify --all"))
@optional_installed
@click.option("--all", "everything", is_flag=True, help="Check all models of this machine.")
@global_options
@pass_app
def command(app: App, model: str | None, *, everything: bool) -> int:
    """Check that a model is whole and runs here: its files, format, provider and memory.

    All of it is read. The exit status is 1 when a check failed; papin models repair mends what is damaged.
    """
    from papin_cli.actions.models import verify, verify_all  # noqa: PLC0415 - imports trio

    if bool(model) == everything:
        raise click.UsageError("Give a MODEL, or --all.")
    return in_session(app, partial(verify, model=model) if model else verify_all)
