"""`papin models share` and `papin models unshare`."""

from __future__ import annotations

from functools import partial

import click

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._params import examples, global_options, installed, pass_app, providers_known

__all__ = ["share", "unshare"]


@click.command(
    epilog=examples("papin models share smollm2 --with ollama", "papin models share smollm2 --with lmstudio")
)
@installed
@click.option(
    "--with",
    "provider",
    metavar="PROVIDER",
    required=True,
    shell_complete=providers_known,
    help="The program; `papin providers list` shows them.",
)
@click.option("--name", metavar="NAME", default="", help="What it is called there; papin's own name if left out.")
@click.option("--copy", is_flag=True, help="Store it a second time where no link leads there.")
@global_options
@pass_app
def share(app: App, model: str, *, provider: str, name: str, copy: bool) -> None:
    """Make a model usable in another program, without a second copy of it."""
    from papin_cli.actions import sharing  # noqa: PLC0415 - imports trio

    in_session(app, partial(sharing.share, model=model, provider=provider, name=name, copy=copy))


@click.command(epilog=examples("papin models unshare smollm2 --from ollama"))
@installed
@click.option(
    "--from",
    "provider",
    metavar="PROVIDER",
    required=True,
    shell_complete=providers_known,
    help="The program that it was shared with.",
)
@global_options
@pass_app
def unshare(app: App, model: str, *, provider: str) -> None:
    """Take back what `papin models share` made; papin keeps the model."""
    from papin_cli.actions import sharing  # noqa: PLC0415 - imports trio

    in_session(app, partial(sharing.unshare, model=model, provider=provider))
