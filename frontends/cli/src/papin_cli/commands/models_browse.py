"""`papin models browse`."""

from __future__ import annotations

from functools import partial

import click

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._params import examples, global_options, pass_app

__all__ = ["command"]


@click.command(
    epilog=examples("papin models browse", "papin models browse recommended --task code", "papin models browse vision")
)
@click.argument("row", required=False)
@click.option(
    "--limit", type=click.IntRange(min=1, max=1000), metavar="N", default=20, show_default=True, help="At most so many."
)
@click.option("--task", default="", metavar="TASK", help="Recommended for what: chat, code, vision, embedding ...")
@global_options
@pass_app
def command(app: App, row: str | None, *, limit: int, task: str) -> None:
    """Look around: a few models of every row, or one ROW; with a task alone, what is recommended for it.

    Rows: recommended, recent, popular, trending, new; by task: chat, code, reasoning, tools, vision, embedding,
    multilingual; and by provider: ollama, localai, llamacpp.
    """
    from papin_cli.actions import discovery  # noqa: PLC0415 - imports trio

    in_session(app, partial(discovery.browse, row=row, limit=limit, task=task))
