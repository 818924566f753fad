"""`papin models list`: reads the registry, and asks providers only when something of theirs changed."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from papin_cli._app import App, pass_app
from papin_cli._kernel import in_session
from papin_cli._library import read
from papin_cli._params import examples, global_options
from papin_cli.views import models as view

__all__ = ["command"]


@click.command(epilog=examples("papin models list", "papin models list --refresh", "papin models list --json"))
@click.option("--refresh", is_flag=True, help="Ask all providers anew, those on other machines included.")
@global_options
@pass_app
def command(app: App, *, refresh: bool) -> None:
    """Show the models of this machine, whichever program has them, each payload once.

    What other programs have is as they told it last; programs on this machine are asked again when their folders
    changed. UPDATE stands there when a check (papin models update --check) found newer versions; nobody is asked now.
    """
    if refresh or not read(app, lambda library: library.is_current()):
        from papin_cli.actions import providers  # noqa: PLC0415 - imports trio

        in_session(app, providers.refresh_all if refresh else providers.refresh_stale)
    if app.out.json:
        app.out.document(read(app, lambda library: library.models()))
    else:
        models, payloads, updates = read(
            app, lambda library: (library.summaries(), library.payload_bytes(), library.updates())
        )
        app.out.text(view.listing(models, payloads, datetime.now(UTC), app.out.width, updates), end="")
