"""`papin models load` and `papin models unload`."""

from __future__ import annotations

from functools import partial

import click

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._params import by_provider, context_length, examples, global_options, installed, keep_alive, pass_app

__all__ = ["load", "unload"]


@click.command(epilog=examples("papin models load smollm2 --keep-alive 3600"))
@installed
@context_length
@keep_alive
@by_provider
@global_options
@pass_app
def load(app: App, model: str, ctx: int | None, keep_alive: float | None, provider: str | None) -> None:
    """Load a model into memory, where it stays until it is idle for a while."""
    from papin.models import LoadSettings  # noqa: PLC0415 - with the kernel
    from papin_cli.actions import models  # noqa: PLC0415 - imports trio

    settings = LoadSettings(n_ctx=ctx, keep_alive=keep_alive)
    in_session(app, partial(models.load, model=model, settings=settings, provider=provider))


@click.command(epilog=examples("papin models unload smollm2"))
@installed
@click.option("--force", is_flag=True, help="Unload it although it answers somebody; that breaks off.")
@global_options
@pass_app
def unload(app: App, model: str, *, force: bool) -> None:
    """Take a model out of memory, whoever loaded it."""
    from papin_cli.actions import models  # noqa: PLC0415 - imports trio

    in_session(app, partial(models.unload, model=model, force=force))
