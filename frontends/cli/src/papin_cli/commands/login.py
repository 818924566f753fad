"""`papin login` and `papin logout`."""

from __future__ import annotations

import click

from papin.safe import name
from papin_cli._app import App
from papin_cli._params import ask_secret, examples, global_options, pass_app
from papin_cli.views import credentials as view

__all__ = ["login", "logout"]


@click.command(epilog=examples("papin login huggingface.co", "papin login huggingface.co < token.txt", "papin login"))
@click.argument("host", required=False)
@global_options
@pass_app
def login(app: App, host: str | None) -> None:
    """Keep a token for HOST, asked for or read from stdin; without HOST, show for which servers there is one.

    It is kept in the system's keyring where the package keyring finds one, else in a file that only you can read, and
    is sent to that server alone. A variable goes before it: HF_TOKEN, or PAPIN_TOKEN_example_com for example.com.
    """
    from papin.credentials import open_credentials  # noqa: PLC0415 - a command that shows help needs none of it

    credentials = open_credentials()
    if host is None:
        known = credentials.list()
        if app.out.json:
            app.out.document(known)
        app.out.text(view.listing(known, app.out.width), end="")
        return
    saved = credentials.save(host, ask_secret(f"Token for {name(host)}"))
    if app.out.json:
        app.out.document(saved)
    app.out.text(view.saved(saved))


@click.command(epilog=examples("papin logout huggingface.co"))
@click.argument("host")
@global_options
@pass_app
def logout(app: App, host: str) -> None:
    """Forget the token that is kept for HOST."""
    from papin.credentials import open_credentials  # noqa: PLC0415 - as above

    removed = open_credentials().remove(host)
    if app.out.json:
        app.out.document(removed)
    app.out.text(view.removed(removed))
