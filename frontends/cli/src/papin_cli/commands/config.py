"""`papin config`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from papin import config
from papin.errors import PapinError
from papin.safe import name
from papin_cli._app import App
from papin_cli._params import ask_secret, examples, global_options, matching, pass_app
from papin_cli.views import settings as view

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["path", "set_", "show"]


def _keys(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from papin.kernel import settings_tables  # noqa: PLC0415 - imports trio

    try:
        return matching((row.key for row in config.load().rows(settings_tables())), incomplete)
    except PapinError:
        return []


@click.command(epilog=examples("papin config show"))
@global_options
@pass_app
def show(app: App) -> None:
    """Show every setting with its value and where that comes from: the file, a variable, or the default."""
    from papin.kernel import settings_tables  # noqa: PLC0415 - imports trio

    rows = list(config.load().rows(settings_tables()))
    if app.out.json:
        app.out.document(rows)
    else:
        app.out.text(view.rows(rows, app.out.width), end="")


@click.command(epilog=examples("papin config path"))
@global_options
@pass_app
def path(app: App) -> None:
    """Show where the configuration file is, or would be."""
    file = config.find_file()
    if app.out.json:
        app.out.document({"path": str(file), "exists": file.exists()})
    app.out.text(name(str(file)))


@click.command(
    "set", epilog=examples("papin config set offline true", "papin config set providers.llamacpp.keep_alive 600")
)
@click.argument("key", shell_complete=_keys)
@click.argument("value")
@global_options
@pass_app
def set_(app: App, key: str, value: str) -> None:
    """Change a setting in the configuration file; the rest of the file stays as it is.

    For a VALUE of - it is asked for, or read from stdin, so that a secret stands in no list of commands.
    """
    from papin.kernel import settings_tables  # noqa: PLC0415 - imports trio

    if value == "-":
        value = ask_secret(f"Value of {name(key)}")
    changed = config.shown(key, config.set_value(config.find_file(), key, value, settings_tables()))
    if app.out.json:
        app.out.document({"key": key, "value": changed})
    app.out.text(f"{name(key)} is now {view.value(changed)}.")
