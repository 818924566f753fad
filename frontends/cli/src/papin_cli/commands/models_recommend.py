"""`papin models recommend`."""

from __future__ import annotations

from functools import partial

import click

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._params import examples, global_options, pass_app

__all__ = ["command"]


@click.command(epilog=examples("papin models recommend", "papin models recommend --task code"))
@click.option("--task", default="", metavar="TASK", help="What it is wanted for: chat, code, vision, embedding ...")
@global_options
@pass_app
def command(app: App, *, task: str) -> None:
    """Suggest models that suit this machine, with the reasons."""
    from papin_cli.actions.parts import recommend  # noqa: PLC0415 - imports trio

    in_session(app, partial(recommend, task=task))
