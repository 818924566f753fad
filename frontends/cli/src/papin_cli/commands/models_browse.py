"""`papin models browse`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._params import examples, global_options, matching, pass_app, providers_known

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["command"]


def _rows(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from papin.discovery import ROWS  # noqa: PLC0415 - only when a shell completes

    return matching(ROWS, incomplete) + providers_known(ctx, param, incomplete)


def _tasks(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from papin.discovery import TASKS  # noqa: PLC0415 - only when a shell completes

    return matching(TASKS, incomplete)


@click.command(
    epilog=examples("papin models browse", "papin models browse recommended --task code", "papin models browse vision")
)
@click.argument("row", required=False, shell_complete=_rows)
@click.option(
    "--limit", type=click.IntRange(min=1, max=1000), metavar="N", default=20, show_default=True, help="At most so many."
)
@click.option(
    "--task",
    default="",
    metavar="TASK",
    shell_complete=_tasks,
    help="Recommended for what: chat, code, vision, embedding ...",
)
@global_options
@pass_app
def command(app: App, row: str | None, *, limit: int, task: str) -> None:
    """Look around: a few models of every row, or one ROW; with a task alone, what is recommended for it.

    Rows: recommended, recent, popular, trending, new; by task: chat, code, reasoning, tools, vision, embedding,
    multilingual; and by provider: ollama, localai, llamacpp.
    """
    from papin_cli.actions import discovery  # noqa: PLC0415 - imports trio

    in_session(app, partial(discovery.browse, row=row, limit=limit, task=task))
