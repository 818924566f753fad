"""`papin models import`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from papin_cli._app import App, pass_app
from papin_cli._kernel import in_session
from papin_cli._params import examples, global_options, named

__all__ = ["command"]


@click.command(epilog=examples("papin models import ~/Downloads/model.gguf --name mine"))
@click.argument("file", type=click.Path(path_type=Path))
@named
@global_options
@pass_app
def command(app: App, file: Path, name: str | None) -> None:
    """Take in a model file of this machine; of a model in several files, name one.

    The bytes are shared with the file where the file system can do that, and the file itself stays as it is.
    """
    from papin_cli.actions.downloads import import_file  # noqa: PLC0415 - imports trio

    in_session(app, partial(import_file, file=file, name=name))
