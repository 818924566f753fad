"""`papin models list`."""

from __future__ import annotations

import click

from papin_cli import _listing
from papin_cli._app import App
from papin_cli._params import examples, global_options, pass_app

__all__ = ["command"]


@click.command(epilog=examples("papin models list", "papin models list --refresh", "papin models list --json"))
@click.option("--refresh", is_flag=True, help="Ask all providers anew, those on other machines included.")
@global_options
@pass_app
def command(app: App, *, refresh: bool) -> None:
    """Show the models of this machine, whichever program has them, each payload once.

    What other programs have is as they told it last; programs on this machine are asked again when their folders
    changed. What is elsewhere, on another machine or where papin cannot look, is summed apart. UPDATE stands there when
    a check (papin models update --check) found newer versions; nobody is asked now.
    """
    _listing.show(app, refresh=refresh)
