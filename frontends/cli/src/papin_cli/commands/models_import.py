"""`papin models import`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._params import examples, files_known, global_options, named, pass_app, providers_known

__all__ = ["command"]


@click.command(
    epilog=examples(
        "papin models import ~/Downloads/model.gguf --name mine", "papin models import --from ollama qwen3:0.6b"
    )
)
@click.argument("file", shell_complete=files_known)
@click.option(
    "--from",
    "provider",
    metavar="PROVIDER",
    shell_complete=providers_known,
    help="FILE is the name of a model that this program has.",
)
@click.option("--copy", is_flag=True, help="With --from: store it a second time where no link leads there.")
@named
@global_options
@pass_app
def command(app: App, file: str, *, provider: str | None, copy: bool, name: str | None) -> None:
    """Take in a model file of this machine; of a model in several files, name one.

    The bytes are shared with the file where the file system can do that, and the file itself stays as it is. With
    --from it is a model that another program has: its files are taken over by link, and that program keeps them.
    """
    from papin_cli.actions import downloads  # noqa: PLC0415 - imports trio

    if provider is not None:
        work = partial(downloads.import_from, provider=provider, reference=file, name=name, copy=copy)
        in_session(app, work)
    else:
        in_session(app, partial(downloads.import_file, file=Path(file), name=name))
