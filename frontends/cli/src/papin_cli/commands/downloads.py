"""`papin downloads`."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import click

from papin_cli._app import App, pass_app
from papin_cli._kernel import in_session
from papin_cli._library import read
from papin_cli._params import examples, global_options, job
from papin_cli.views import jobs as view

__all__ = ["cancel", "listing"]


@click.command(epilog=examples("papin downloads list"))
@global_options
@pass_app
def listing(app: App) -> None:
    """Show downloads and imports, the newest first."""
    jobs = read(app, lambda library: library.jobs())
    if app.out.json:
        app.out.document(jobs)
    app.out.text(view.listing(jobs, datetime.now(UTC), app.out.width), end="")


@click.command(epilog=examples("papin downloads cancel 4f2a"))
@job
@global_options
@pass_app
def cancel(app: App, job: str) -> None:
    """End a download, whichever process runs it; what arrived is kept."""
    from papin_cli.actions import downloads  # noqa: PLC0415 - imports trio

    in_session(app, partial(downloads.cancel, job=job))
