"""`papin models repair`."""

from __future__ import annotations

from functools import partial

import click

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._params import examples, global_options, installed, pass_app, yes

__all__ = ["command"]


@click.command(epilog=examples("papin models repair smollm2", "papin models repair smollm2 --dry-run"))
@installed
@click.option("--dry-run", is_flag=True, help="Only say what is damaged, and what would be fetched.")
@yes
@global_options
@pass_app
def command(app: App, model: str, *, dry_run: bool, yes: bool) -> int | None:
    """Bring in again what is damaged of a model, and nothing else.

    All of it is read first. What is damaged stays in use until it can be replaced.
    """
    from papin_cli.actions import models  # noqa: PLC0415 - imports trio

    return in_session(app, partial(models.repair, model=model, yes=yes, dry_run=dry_run))
