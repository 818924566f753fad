"""`papin providers show` and `papin providers refresh`."""

from __future__ import annotations

from functools import partial

import click

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._params import examples, global_options, pass_app, providers_known

__all__ = ["refresh", "show"]


@click.command(epilog=examples("papin providers show ollama"))
@click.argument("provider", shell_complete=providers_known)
@global_options
@pass_app
def show(app: App, provider: str) -> None:
    """Show a provider: its program, what it can do, why it cannot do the rest, and the models that it has."""
    from papin_cli.actions import providers  # noqa: PLC0415 - imports trio

    in_session(app, partial(providers.show, name=provider))


@click.command(epilog=examples("papin providers refresh", "papin providers refresh ollama"))
@click.argument("provider", nargs=-1, shell_complete=providers_known)
@global_options
@pass_app
def refresh(app: App, provider: tuple[str, ...]) -> int:
    """Ask providers (all of them when none is named) what they have now, those on other machines included."""
    from papin_cli.actions import providers  # noqa: PLC0415 - imports trio

    return in_session(app, partial(providers.refresh, names=provider))
