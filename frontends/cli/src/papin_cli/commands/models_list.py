"""`papin models list`: reads the registry and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from papin_cli._app import App, pass_app
from papin_cli._library import read
from papin_cli._params import examples, global_options
from papin_cli.views import models as view

__all__ = ["command"]


@click.command(epilog=examples("papin models list", "papin models list --json"))
@global_options
@pass_app
def command(app: App) -> None:
    """Show the installed models."""
    if app.out.json:
        app.out.document(read(app, lambda library: library.models()))
    else:
        models, payloads = read(app, lambda library: (library.summaries(), library.payload_bytes()))
        app.out.text(view.listing(models, payloads, datetime.now(UTC), app.out.width), end="")
