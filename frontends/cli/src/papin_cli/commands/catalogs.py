"""`papin catalogs`: list, refresh, add, remove."""

from __future__ import annotations

from functools import partial

import click

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._params import catalogs_known, examples, global_options, pass_app

__all__ = ["add", "listing", "refresh", "remove"]


@click.command("list", epilog=examples("papin catalogs list"))
@global_options
@pass_app
def listing(app: App) -> None:
    """Show the places where models can be found, and what to type for them."""
    from papin_cli.actions import parts  # noqa: PLC0415 - imports trio

    in_session(app, parts.catalogs)


@click.command(epilog=examples("papin catalogs refresh", "papin catalogs refresh huggingface"))
@click.argument("catalogs", metavar="[CATALOG]...", nargs=-1, shell_complete=catalogs_known)
@global_options
@pass_app
def refresh(app: App, catalogs: tuple[str, ...]) -> int:
    """Ask the catalogs (all, or those named) for what is new, so that it can be searched without them."""
    from papin_cli.actions import discovery  # noqa: PLC0415 - imports trio

    return in_session(app, partial(discovery.refresh, catalogs=catalogs))


@click.command(
    epilog=examples(
        "papin catalogs add team https://models.example.org/index.json", "papin catalogs add nas /mnt/models"
    )
)
@click.argument("name")
@click.argument("address")
@global_options
@pass_app
def add(app: App, name: str, address: str) -> None:
    """Add a catalog of your own: a folder of models, or the web address of an index.

    It is kept in the configuration, as [catalogs.NAME].
    """
    from papin_cli.actions import discovery  # noqa: PLC0415 - imports trio

    in_session(app, partial(discovery.add, catalog=name, address=address))


@click.command(epilog=examples("papin catalogs remove team"))
@click.argument("name", shell_complete=catalogs_known)
@global_options
@pass_app
def remove(app: App, name: str) -> None:
    """Forget a catalog of your own; the models that came from it stay."""
    from papin_cli.actions import discovery  # noqa: PLC0415 - imports trio

    in_session(app, partial(discovery.remove, catalog=name))
