"""`papin providers list`, `papin plugins list`."""

from __future__ import annotations

import click

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._params import examples, global_options, pass_app

__all__ = ["plugins", "providers"]


@click.command(epilog=examples("papin providers list"))
@global_options
@pass_app
def providers(app: App) -> None:
    """Show the programs that can run models, their state, and what they have in memory."""
    from papin_cli.actions import parts  # noqa: PLC0415 - imports trio

    in_session(app, parts.providers)


@click.command(epilog=examples("papin plugins list"))
@global_options
@pass_app
def plugins(app: App) -> None:
    """Show the installed plugins: where each is from, what it registers, and what is wrong with it."""
    from papin_cli.actions import parts  # noqa: PLC0415 - imports trio

    in_session(app, parts.plugins)
