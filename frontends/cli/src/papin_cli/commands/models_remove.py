"""`papin models remove`."""

from __future__ import annotations

from functools import partial

import click

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._params import examples, global_options, pass_app, several_installed, yes

__all__ = ["command"]


@click.command(epilog=examples("papin models remove smollm2 --dry-run", "papin models remove smollm2 --yes"))
@several_installed
@click.option("--force", is_flag=True, help="Unload what is in memory first.")
@click.option("--dry-run", is_flag=True, help="Only show what would be freed.")
@yes
@global_options
@pass_app
def command(app: App, models: tuple[str, ...], *, force: bool, dry_run: bool, yes: bool) -> int | None:
    """Remove models, after saying what that frees and what stays, and asking."""
    from papin_cli.actions.models import remove, show_removals  # noqa: PLC0415 - imports trio

    if dry_run:
        return in_session(app, partial(show_removals, models=models))
    return in_session(app, partial(remove, models=models, yes=yes, force=force))
