"""`papin events`: reads the journal and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from papin.events import Envelope, encode
from papin_cli._app import App
from papin_cli._library import read
from papin_cli._params import examples, global_options, pass_app
from papin_cli.views import events as view

if TYPE_CHECKING:
    from papin.library import Library

__all__ = ["command"]

_LATEST = 20


@click.command(epilog=examples("papin events", "papin events --follow --since 0", "papin events --follow --json"))
@click.option("--follow", "-f", is_flag=True, help="Go on showing what happens, until Ctrl-C.")
@click.option("--since", type=click.IntRange(min=0), metavar="N", help="Only what came after event N.")
@global_options
@pass_app
def command(app: App, *, follow: bool, since: int | None) -> None:
    """Show what happened, in any process of papin; without --since, the latest twenty events.

    With --json each event is a line: `{"seq": 12, "at": "...", "event": {"type": "model_installed", ...}}`.
    """
    last = read(app, lambda library: _recorded(app, library, since))
    if follow:
        read(app, lambda library: _tell(app, library.follow(last)))


def _recorded(app: App, library: Library, since: int | None) -> int:
    """Show what is recorded; return the number of the last event that was seen."""
    last = max(0, library.last_seq() - _LATEST) if since is None else since
    while page := library.events(last):
        _tell(app, page)
        last = page[-1].seq or last
    return last


def _tell(app: App, envelopes: Iterable[Envelope]) -> None:
    for envelope in envelopes:
        if app.out.json:
            app.out.raw_line(encode(envelope))
        else:
            app.out.text(view.text(envelope))
