"""`papin models copy` and `papin models rename`."""

from __future__ import annotations

from functools import partial

import click

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._params import examples, global_options, installed, pass_app

__all__ = ["copy", "rename"]


@click.command(epilog=examples("papin models copy ollama:qwen3:0.6b mine"))
@installed
@click.argument("name")
@global_options
@pass_app
def copy(app: App, model: str, name: str) -> None:
    """Give a model of another program a second name there, without a second copy of it."""
    from papin_cli.actions import sharing  # noqa: PLC0415 - imports trio

    in_session(app, partial(sharing.copy, model=model, name=name))


@click.command(epilog=examples("papin models rename ollama:qwen3:0.6b small"))
@installed
@click.argument("name")
@global_options
@pass_app
def rename(app: App, model: str, name: str) -> None:
    """Give a model of another program another name there."""
    from papin_cli.actions import sharing  # noqa: PLC0415 - imports trio

    in_session(app, partial(sharing.rename, model=model, name=name))
