"""`papin models show`: reads the registry and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from papin_cli._app import App, pass_app
from papin_cli._library import read
from papin_cli._params import examples, global_options, installed
from papin_cli.views import models as view

__all__ = ["command"]


@click.command(epilog=examples("papin models show smollm2"))
@installed
@global_options
@pass_app
def command(app: App, model: str) -> None:
    """Show everything about one model."""
    found = read(app, lambda library: library.find(model))
    if app.out.json:
        app.out.document(found)
    app.out.text(view.details(found, datetime.now(UTC)), end="")
