"""`papin models remove`."""

from __future__ import annotations

from functools import partial

import click

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._params import examples, global_options, installed, pass_app, yes

__all__ = ["command"]


@click.command(epilog=examples("papin models remove smollm2 --dry-run", "papin models remove smollm2 --yes"))
@installed
@click.option("--force", is_flag=True, help="Unload it first where it is in memory.")
@click.option("--dry-run", is_flag=True, help="Only show what would be freed.")
@yes
@global_options
@pass_app
def command(app: App, model: str, *, force: bool, dry_run: bool, yes: bool) -> int | None:
    """Remove a model, after saying what that frees and what stays, and asking."""
    from papin_cli.actions import models  # noqa: PLC0415 - imports trio

    if dry_run:
        return in_session(app, partial(models.show_removal, model=model))
    return in_session(app, partial(models.remove, model=model, yes=yes, force=force))
