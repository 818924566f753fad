"""`papin storage`."""

from __future__ import annotations

from functools import partial

import click

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._params import examples, global_options, pass_app, yes

__all__ = ["cleanup", "dedupe", "show"]


@click.command(epilog=examples("papin storage show"))
@global_options
@pass_app
def show(app: App) -> None:
    """Show how much space the models take, and how much is left."""
    from papin_cli.actions import storage  # noqa: PLC0415 - imports trio

    in_session(app, storage.show)


@click.command(epilog=examples("papin storage cleanup --dry-run", "papin storage cleanup --yes"))
@click.option("--dry-run", is_flag=True, help="Only show what would be removed, and why.")
@yes
@global_options
@pass_app
def cleanup(app: App, *, dry_run: bool, yes: bool) -> int | None:
    """Remove what the clean-up rules say may go, after showing it and asking."""
    from papin_cli.actions import storage  # noqa: PLC0415 - imports trio

    if dry_run:
        return in_session(app, storage.show_cleanup)
    return in_session(app, partial(storage.cleanup, yes=yes))


@click.command(epilog=examples("papin storage dedupe --dry-run", "papin storage dedupe --yes"))
@click.option("--dry-run", is_flag=True, help="Only show what would be freed.")
@yes
@global_options
@pass_app
def dedupe(app: App, *, dry_run: bool, yes: bool) -> int:
    """Free what other programs store a second time, after showing it and asking.

    A second copy becomes a link to papin's file; every program keeps its models.
    """
    from papin_cli.actions import storage  # noqa: PLC0415 - imports trio

    return in_session(app, partial(storage.dedupe, dry_run=dry_run, yes=yes))
