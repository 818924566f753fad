"""What `papin models list` does: it reads the registry, and asks providers only when something of theirs changed."""

from __future__ import annotations

from datetime import UTC, datetime

from papin_cli._app import App
from papin_cli._kernel import in_session
from papin_cli._library import read
from papin_cli.views import models as view

__all__ = ["show"]


def show(app: App, *, refresh: bool = False) -> None:
    """Show the models of this machine; with `refresh`, after asking all providers."""
    if refresh or not read(app, lambda library: library.is_current()):
        from papin_cli.actions import providers  # noqa: PLC0415 - imports trio

        in_session(app, providers.refresh_all if refresh else providers.refresh_stale)
    if app.out.json:
        app.out.document(read(app, lambda library: library.models()))
    else:
        models, payloads, updates = read(
            app, lambda library: (library.summaries(), library.payload_bytes(), library.updates())
        )
        app.out.text(view.listing(models, payloads, datetime.now(UTC), app.out.width, updates), end="")
